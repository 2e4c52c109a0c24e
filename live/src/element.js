// The element <lr-figure>: around a figure's data and its still picture, which it replaces by what answers.

import { allowed, bound, inTurns, numbers, say, short } from "./engine.js";
import { input } from "./controls.js";
import { make } from "./dom.js";
import { COLORS, Panel } from "./panel.js";

const decoded = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a link that somebody has cut
  }
};

const turn = () => new Promise((done) => setTimeout(done)); // to whatever else the page has to do

const LATER = 300; // ms of rest before the figure says what it shows, and the address keeps it
let count = 0;

export class LiveFigure extends HTMLElement {
  connectedCallback() {
    if (document.readyState === "loading" && !this.querySelector("script")) {
      // a script that runs before the rest of the page has been read
      document.addEventListener("DOMContentLoaded", () => this.connectedCallback(), { once: true });
      return;
    }
    if (this.box) return;
    this.box = make(null, "div", { class: "live-box" });
    this.open().catch((error) => console.error(error)); // the still picture stays
  }

  // in turns, so that the page goes on answering while its figures come alive
  async open() {
    this.figure = JSON.parse(this.querySelector("script[type='application/json']").textContent);
    await turn();
    this.build();
    const turns = inTurns(this.figure, this.controls);
    let made;
    do {
      await turn();
      made = turns.next();
    } while (!made.done);
    this.numbers = made.value;
    await turn();
    this.append(this.box);
    this.classList.add("live"); // from here on the still picture is hidden
    const width = this.columnWidth();
    for (const panel of this.panels) {
      await turn();
      panel.resize(width, this.panels.length < 3);
      for (const _ of panel.inTurns(this.numbers, () => true)) await turn();
    }
    this.texts();
    this.tell();
    new ResizeObserver(() => this.resize()).observe(this.panelsBox);
    if (this.name) addEventListener("hashchange", () => { this.restore(); this.draw(); });
    this.classList.add("ready");
  }

  build() {
    const { figure } = this;
    this.id_ = `lr-live-${count++}`;
    this.first = Object.fromEntries(figure.controls.map((control) => [control.name, control.value]));
    this.controls = { ...this.first };
    this.hiddenLabels = new Set();
    // or JupyterLab takes the arrow keys of a slider for its cells
    this.box.addEventListener("keydown", (event) => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); });
    const lines = figure.panels.flatMap((panel) => panel.marks.filter((mark) => mark.kind === "line"));
    this.colors = new Map([...new Set(lines.map((mark) => mark.label))].map((label, i) => [label, i]));
    this.legend(lines);
    this.panelsBox = make(this.box, "div", { class: `panels ${{ 1: "", 2: "", 3: "three", 4: "" }[figure.panels.length] ?? "many"}` });
    this.panels = figure.panels.map((spec) => new Panel(this.panelsBox, spec, this.colors, (values) => this.set(values)));
    const rows = make(this.box, "div", { class: "controls" });
    this.shows = figure.controls.map((control, i) => [
      control.name,
      input(rows, control, `${this.id_}-${i}`, (value) => this.set({ [control.name]: value })),
    ]);
    this.summary = make(this.box, "p", { class: "summary", "aria-live": "polite" });
    const buttons = make(this.box, "div", { class: "buttons" });
    for (const button of figure.buttons) {
      make(buttons, "button", { type: "button" }, button.label).addEventListener("click", () => {
        const { c } = this.numbers;
        this.set(Object.fromEntries(Object.entries(button.sets).map(([name, f]) => [name, bound(f, c)()])));
      });
    }
    make(buttons, "button", { type: "button" }, "Reset").addEventListener("click", () => this.reset());
    this.restore();
  }

  // one button for each line: pressed, it is drawn
  legend(lines) {
    this.notes = [];
    if (this.colors.size < 2 && !lines.some((mark) => mark.note)) return;
    const list = make(this.box, "div", { class: "legend", role: "group", "aria-label": "lines" });
    for (const [label, color] of this.colors) {
      const button = make(list, "button", { type: "button", "aria-pressed": true, style: `--c: var(--live-${color % COLORS})` });
      make(button, "span", { class: color < COLORS ? "swatch" : "swatch again", "aria-hidden": "true" });
      make(button, "span", {}, label);
      const note = lines.find((mark) => mark.label === label && mark.note)?.note;
      if (note) this.notes.push([make(button, "span", { class: "note" }), note]);
      button.addEventListener("click", () => {
        const hidden = this.hiddenLabels;
        if (!hidden.delete(label)) hidden.add(label);
        button.setAttribute("aria-pressed", !hidden.has(label));
        this.changed();
      });
    }
  }

  set(values) {
    for (const [name, value] of Object.entries(values)) {
      const control = this.figure.controls.find((one) => one.name === name);
      this.controls[name] = allowed(control, value);
    }
    this.changed();
  }

  reset() {
    this.controls = { ...this.first };
    this.hiddenLabels.clear();
    for (const button of this.box.querySelectorAll(".legend button")) button.setAttribute("aria-pressed", true);
    this.changed();
  }

  changed() {
    this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.draw(); });
    clearTimeout(this.later);
    this.later = setTimeout(() => { this.tell(); this.keep(); }, LATER);
  }

  columnWidth() {
    return Math.floor(parseFloat(getComputedStyle(this.panelsBox).gridTemplateColumns));
  }

  resize() {
    const width = this.columnWidth();
    if (!(width > 0)) return; // not shown now
    const changed = this.panels.filter((panel) => width !== panel.W);
    if (!changed.length) return;
    for (const panel of changed) panel.resize(width, this.panels.length < 3);
    this.draw();
  }

  draw() {
    this.numbers = numbers(this.figure, this.controls, this.numbers);
    const shown = (label) => !this.hiddenLabels.has(label);
    for (const panel of this.panels) panel.draw(this.numbers, shown);
    this.texts();
  }

  texts() {
    const { c } = this.numbers;
    this.write("controls", this.shows.map(([name]) => this.controls[name]), (i, value) => this.shows[i][1](value));
    this.write("notes", this.notes.map(([, name]) => short(c[name])), (i, text) => { this.notes[i][0].textContent = text; });
    if (!this.figure.ranked) return;
    const order = this.notes.map((_, i) => i).sort((i, j) => c[this.notes[i][1]] - c[this.notes[j][1]]);
    this.write("order", order, (rank, i) => { this.notes[i][0].parentElement.style.order = rank; });
  }

  // only what has changed: a browser lays out anew for each word that it is given
  write(what, values, put) {
    const before = (this.written ??= {})[what] ?? [];
    values.forEach((value, i) => { if (value !== before[i]) put(i, value); });
    this.written[what] = values;
  }

  tell() {
    if (this.numbers) this.summary.textContent = say(this.figure.say, this.numbers.c);
  }

  /** What is drawn: the controls it was drawn for, and every number. */
  get drawn() {
    const { sequences, values, c } = this.numbers;
    return {
      controls: Object.fromEntries(Object.keys(this.first).map((name) => [name, c[name]])),
      sequences: Object.fromEntries(Object.entries(sequences).map(([name, columns]) => [
        name,
        Object.fromEntries(Object.entries(columns).filter(([, x]) => x instanceof Float64Array).map(([k, x]) => [k, Array.from(x)])),
      ])),
      values,
    };
  }

  // --- the state in the address: #figure~name=value~…, on a page of the book, where figures have names

  get name() {
    return this.closest("figure")?.id;
  }

  keep() {
    if (!this.name) return;
    const parts = Object.entries(this.controls).filter(([name, v]) => v !== this.first[name]).map(([name, v]) => `${name}=${encodeURIComponent(v)}`);
    const { pathname, search, hash } = location;
    if (parts.length) history.replaceState(history.state, "", `#${[this.name, ...parts].join("~")}`);
    else if (hash.startsWith(`#${this.name}~`)) history.replaceState(history.state, "", pathname + search);
  }

  restore() {
    const [name, ...parts] = location.hash.slice(1).split("~");
    if (!this.name || name !== this.name || !parts.length) return;
    this.controls = { ...this.first };
    for (const part of parts) {
      const [key, text] = part.split("="), control = this.figure.controls.find((one) => one.name === key);
      if (!control || text === undefined) continue;
      const word = decoded(text);
      const value = control.kind === "slider" ? +word : control.kind === "switch" ? word === "true" : word;
      this.controls[key] = allowed(control, value);
    }
    requestAnimationFrame(() => this.scrollIntoView({ block: "nearest" }));
  }
}
