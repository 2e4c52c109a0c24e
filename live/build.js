// Bundles src/ and the two libraries into ../lrbook/live.js, which is committed: `make script`.
// Its first lines say of what it was made, for a test that has no Node: hashes of the sources and of the code.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

process.chdir(import.meta.dirname);
const sha = (text) => createHash("sha256").update(text).digest("hex");
const sources = ["build.js", "package-lock.json", ...readdirSync("src").sort().map((name) => `src/${name}`)];
const made = sha(sources.map((name) => `${name} ${sha(readFileSync(name))}\n`).join(""));

const { outputFiles } = await build({
  entryPoints: ["src/index.js"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  loader: { ".css": "text" },
  legalComments: "none",
  charset: "ascii",
  write: false,
});
const code = outputFiles[0].text;
const licence = (name) => {
  const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  return `${name} ${version}, ${license}:\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}`;
};
const head = `/*! Figures that answer: the script of lrbook.live, under the MIT license of The Learning Rate Book.
Made by "make script"; do not edit.
sources ${made}
code ${sha(code)}

It contains parts of

${["d3-array", "d3-contour"].map(licence).join("\n\n")}
*/
`;
writeFileSync(process.argv[2] ?? "../lrbook/live.js", head + code);
