// The search: every word of the question, chapters before the reference, each hit with its sentence.
(() => {
  const box = document.getElementById("search-results");
  const question = new URLSearchParams(location.search).get("q") || "";
  const field = document.querySelector(".bd-search-container input[type=search]");
  if (field) { field.value = question; field.focus(); }
  const fold = text => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/[’']/g, "");
  const words = fold(question).match(/[\p{L}\p{N}]+/gu) || [];
  const stem = word => /^[a-z]{5,}s$/.test(word) ? word.slice(0, -1) : word;
  const patterns = words.map(word => new RegExp(/[\u3400-\u9fff]/.test(word) ? word : `(?<![\\p{L}\\p{N}])${stem(word)}`, "gu"));
  const phrase = words.length > 1 && new RegExp(words.map(stem).join("s?[^\\p{L}\\p{N}]{1,3}"), "u");
  const count = text => patterns.map(pattern => (text.match(pattern) || []).length);

  function sentence(text) {
    const parts = text.match(/.+?(?:(?<!Fig|Eq|cf|et al)[.?!](?=\s)|$)/gu) || [text];
    return parts.map(part => [count(fold(part)).filter(Boolean).length, part.trim()]).sort((a, b) => b[0] - a[0])[0][1];
  }

  // Where a browser can, it opens at the sentence itself; else at the section that the sentence is in.
  function place(page, anchor, text) {
    const run = text.split("…").sort((a, b) => b.length - a.length)[0].trim().split(/\s+/).slice(0, 8).join(" ");
    return `${page}.html#${anchor}:~:text=${encodeURIComponent(run).replace(/-/g, "%2D")}`;
  }

  function marked(text) {
    const line = document.createElement("span");
    let rest = text.length > 260 ? text.slice(0, 257) + "…" : text;
    const plain = fold(rest), same = plain.length == rest.length;
    let done = 0;
    const spots = same ? patterns.flatMap(p => [...plain.matchAll(p)].map(m => [m.index, m.index + m[0].length])).sort((a, b) => a[0] - b[0]) : [];
    for (const [from, to] of spots) {
      if (from < done) continue;
      line.append(rest.slice(done, from));
      const mark = document.createElement("mark");
      mark.textContent = rest.slice(from, to);
      line.append(mark);
      done = to;
    }
    line.append(rest.slice(done));
    return line;
  }

  const found = [];
  for (const page of words.length ? TEXTS : []) {
    const title = count(fold(page.title)), total = words.map(() => 0), hits = [];
    for (const [anchor, text] of page.texts) {
      const here = count(fold(text));
      here.forEach((n, i) => total[i] += n);
      const kinds = here.filter(Boolean).length, together = phrase && phrase.test(fold(text));
      if (kinds) hits.push([kinds * 10 + 8 * together + Math.min(here.reduce((a, b) => a + b), 5) - text.length / 1e4, anchor, text]);
    }
    if (total.some((n, i) => !n && !title[i])) continue;
    hits.sort((a, b) => b[0] - a[0]);
    const length = page.title.split(/\s+/).length, phrases = hits.filter(hit => hit[0] >= words.length * 10 + 8).length;
    const often = Math.log2(1 + Math.min(...total.map((n, i) => n + title[i]))) + (words.length > 1 ? 4 * Math.log2(1 + phrases) : 0);
    found.push([page.weight * (often + (title.every(Boolean) ? 12 + 12 * words.length / length : 0)), page, hits.slice(0, 3)]);
  }
  found.sort((a, b) => b[0] - a[0]);

  const say = document.createElement("p");
  say.textContent = !words.length ? "Type a word, or several." : found.length
    ? `${found.length} page${found.length > 1 ? "s" : ""} with ${words.length > 1 ? "all these words" : "this word"}.`
    : "No page has all these words. Fewer words find more.";
  const list = document.createElement("ul");
  list.className = "search";
  for (const [, page, hits] of found) {
    const item = list.appendChild(document.createElement("li"));
    const link = item.appendChild(document.createElement("a"));
    link.href = `${page.page}.html`;
    link.textContent = page.title;
    for (const [, anchor, text] of hits) {
      const words = sentence(text), line = item.appendChild(document.createElement("p"));
      const there = line.appendChild(document.createElement("a"));
      there.href = place(page.page, anchor, words);
      there.append(marked(words));
    }
  }
  box.replaceChildren(say, list);
})();
