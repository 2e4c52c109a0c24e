// What a figure computes: the functions come with it, traced from the rules; nothing is computed here but by them.

const made = new Map();

function build(key, make) {
  if (!made.has(key)) made.set(key, make());
  return made.get(key);
}

// one source, or that of what is chosen
const chosen = (f, c) => (f.cases ? f.cases[f.by.map((name) => written(c[name])).join("|")] : f);
const written = (x) => (x === true ? "True" : x === false ? "False" : String(x)); // as Python writes it

/** The controls that a function looks at, with their values: when they are the same, so is what it gives. */
export function key(f, c) {
  const { js, uses } = chosen(f, c);
  return js + uses.map((name) => c[name]);
}

/** The function of its inputs alone, two at most, with the controls filled in. */
export function bound(f, c) {
  const { js, uses } = chosen(f, c), own_ = uses.map(own).join(", "), inputs = inputsOf(js) - uses.length;
  const call = ["", "a", "a, b"][inputs], given = [call, own_].filter(Boolean).join(", ");
  return build(`${js} bound`, () => new Function("c", `"use strict";
    ${uses.map((name) => `const ${own(name)} = c.${name};`).join(" ")}
    const f = ${js};
    return (${call}) => f(${given});`))(c);
}

const inputsOf = (js) => js.slice(1, js.indexOf(")")).split(",").filter((name) => name.trim()).length;

const own = (name) => `$${name}`; // no other variable begins like this

// A loop over the steps, written out so that the engine compiles it: all columns, or the last row alone.
function loop(spec, c, lastOnly) {
  const parts = ["start", "update", "output"].map((name) => chosen(spec[name], c));
  const source = parts.map((part) => part.js).join("\n") + lastOnly;
  return build(source, () => {
    const [start, update, output] = parts, state = Array.from({ length: spec.size }, (_, i) => `s${i}`);
    const uses = [...new Set(parts.flatMap((part) => part.uses))];
    const inputs = ["t", ...state], call = (name, given, part) => `${name}(${[...given, ...part.uses.map(own)].join(", ")})`;
    const columns = spec.columns.map((_, i) => `o${i}`);
    return new Function("n", "c", `"use strict";
      ${uses.map((name) => `const ${own(name)} = c.${name};`).join(" ")}
      const start = ${start.js}, update = ${update.js}, output = ${output.js};
      ${state.length ? `let [${state}] = ${call("start", [], start)};` : ""}
      ${lastOnly ? "" : `const ${columns.map((o) => `${o} = new Float64Array(n + 1)`).join(", ")};`}
      for (let t = 0; ; t++) {
        ${lastOnly ? "" : `const out = ${call("output", inputs, output)};
        ${columns.map((o, i) => `${o}[t] = out[${i}];`).join(" ")}`}
        if (t === n) return ${lastOnly ? call("output", inputs, output) : `[${columns}]`};
        ${state.length ? `[${state}] = ${call("update", inputs, update)};` : ""}
      }`);
  });
}

const EVERY = 8; // as lrbook.figure has it

/** Where a valley over 0 to count - 1 is lowest: of every eighth place, then 4, 2 and 1 to either side. */
export function lowest(count, f) {
  let at = 0, least = Infinity;
  const look = (places) => {
    for (const k of places) {
      const y = k >= 0 && k < count ? f(k) : NaN;
      if (y < least) [least, at] = [y, k];
    }
  };
  look(Array.from({ length: Math.ceil(count / EVERY) }, (_, k) => k * EVERY));
  for (let step = EVERY / 2; step >= 1; step /= 2) look([at - step, at + step]);
  return at;
}

/** The columns of a sequence, by name; with `best` the value of the control that it has chosen. */
export function run(spec, c) {
  const n = typeof spec.steps === "string" ? c[spec.steps] : spec.steps;
  let settings = c, best;
  if (spec.best) {
    const [name, column, candidates] = spec.best, i = spec.columns.indexOf(column);
    const last = loop(spec, c, true), trial = { ...c };
    const end = (k) => last(n, Object.assign(trial, { [name]: candidates[k] }))[i];
    best = candidates[lowest(candidates.length, end)];
    settings = { ...c, [name]: best };
  }
  const columns = loop(spec, c, false)(n, settings);
  return { best, ...Object.fromEntries(spec.columns.map((name, i) => [name, columns[i]])) };
}

// what is looked for among candidates is not looked at
const sequenceKey = (spec, c) => {
  const given = spec.best ? { ...c, [spec.best[0]]: undefined } : c;
  return [c[spec.steps], ...["start", "update", "output"].map((name) => key(spec[name], given))].join();
};

/** All numbers of a figure, in turns, one sequence each: what has not changed since `before` is taken over. */
export function* inTurns(figure, controls, before) {
  const c = { ...controls }, sequences = {}, keys = {}, values = {};
  for (const [name, spec] of Object.entries(figure.sequences)) {
    keys[name] = sequenceKey(spec, c);
    sequences[name] = before?.keys[name] === keys[name] ? before.sequences[name] : run(spec, c);
    yield;
  }
  for (const [name, spec] of Object.entries(figure.values)) c[name] = values[name] = value(spec, c, sequences);
  return { sequences, keys, values, c };
}

/** All numbers of a figure at once. */
export function numbers(figure, controls, before) {
  const turns = inTurns(figure, controls, before);
  for (;;) {
    const { done, value: made } = turns.next();
    if (done) return made;
  }
}

function value(spec, c, sequences) {
  if (spec.sequence === undefined) {
    const number = bound(spec.number, c)();
    if (!spec.limits) return number;
    const i = spec.limits.findIndex((limit) => number < limit);
    return spec.words[i < 0 ? spec.words.length - 1 : i];
  }
  if (spec.which === "best") return sequences[spec.sequence].best;
  const column = sequences[spec.sequence][spec.column];
  if (spec.which === "last") return column[column.length - 1];
  return column.reduce(spec.which === "largest" ? (a, b) => Math.max(a, b) : (a, b) => Math.min(a, b));
}

/** A number to three digits, as lrbook.live.short has it. */
export function short(x) {
  if (typeof x !== "number") return String(x);
  if (!Number.isFinite(x)) return "∞";
  const size = Math.abs(x);
  if (x !== 0 && (size < 1e-3 || size >= 1e5)) return x.toExponential(1).replace(".0e", "e").replace("e+", "e");
  return size >= 1000 ? x.toFixed(0) : String(+x.toPrecision(3));
}

export const say = (template, c) => template.replace(/\{(\w+)\}/g, (_, name) => short(c[name]));

// where a control stands on the scale of its slider, from 0 to 1, and back
export const SCALES = {
  linear: ({ low, high }) => [(s) => low + s * (high - low), (v) => (v - low) / (high - low)],
  log: ({ low, high }) => [(s) => low * (high / low) ** s, (v) => Math.log(v / low) / Math.log(high / low)],
  toward1: ({ low, high }) => {
    const end = Math.log((1 - high) / (1 - low));
    return [(s) => 1 - (1 - low) * Math.exp(s * end), (v) => Math.log((1 - v) / (1 - low)) / end];
  },
};

/** A value that the control can have: within its range, whole where it must be. */
export function allowed(control, v) {
  if (control.kind !== "slider") return control.options.includes(v) ? v : control.value;
  if (!Number.isFinite(v)) return control.value;
  return Math.min(control.high, Math.max(control.low, control.whole ? Math.round(v) : v));
}
