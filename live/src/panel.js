// Axes with marks in them, as SVG in its own pixels: letters keep their size at every width.

import { contours } from "d3-contour";
import { bound, key, short } from "./engine.js";
import { svg } from "./dom.js";
import { extent, path, scale, ticks } from "./scale.js";

export const COLORS = 7;
const LEVELS = 8, GRID = 60;
const DRAW = { line: "line", levels: "levels", point: "point", handle: "moveHandle" };
let count = 0;

export class Panel {
  constructor(parent, spec, colors, moved) {
    Object.assign(this, { spec, moved, left: 48, right: 10, top: 26, bottom: 38 });
    const focusable = spec.marks.some((mark) => mark.kind === "handle");
    this.svg = svg(parent, "svg", { role: focusable ? "group" : "img", "aria-label": spec.title });
    this.title = svg(this.svg, "text", { class: "title", y: 15 }, spec.title);
    this.axes = svg(this.svg, "g", { class: "axes", "aria-hidden": "true" });
    const id = `lr-clip-${count++}`;
    this.clip = svg(svg(this.svg, "clipPath", { id }), "rect");
    this.inside = svg(this.svg, "g", { "clip-path": `url(#${id})` });
    this.xlabel = svg(this.svg, "text", { class: "label", "text-anchor": "middle" }, spec.xlabel);
    this.ylabel = svg(this.svg, "text", { class: "label", "text-anchor": "middle" }, spec.ylabel);
    this.marks = spec.marks.map((mark) => this.mark(mark, colors));
  }

  mark(mark, colors) {
    if (mark.kind === "line") {
      const color = colors.get(mark.label), again = color < COLORS ? "" : " again";
      const look = { class: `line ${mark.look}${again}`, style: `stroke: var(--live-${color % COLORS})` };
      return svg(this.inside, "path", look);
    }
    if (mark.kind === "levels") return svg(this.inside, "g", { class: mark.filled ? "filled" : "levels" });
    const group = svg(this.svg, "g", { class: mark.kind });
    if (mark.kind === "point") {
      svg(group, "line");
      svg(group, "circle", { r: 4 });
      svg(group, "text", {}, mark.label);
    } else this.handle(group, mark);
    return group;
  }

  // by mouse and touch it is dragged; with the arrow keys it goes a hundredth of the axis, with shift a tenth
  handle(group, mark) {
    svg(group, "line");
    const knob = svg(group, "g", { class: "knob", tabindex: 0, role: "slider", "aria-label": mark.label });
    svg(knob, "circle", { r: 16, class: "around" });
    svg(knob, "circle", { r: 7 });
    svg(knob, "text", { y: 4, "aria-hidden": "true" }, mark.label);
    const set = (x, y) => {
      [x, y] = [x, y].map((v) => +v.toPrecision(4)); // a hand is no finer, and a link to it stays short
      const named = [[mark.x, x], [mark.y, y]].filter(([name]) => typeof name === "string");
      const worked = Object.entries(mark.sets).map(([name, f]) => [name, bound(f, this.numbers.c)(x, y)]);
      this.moved(Object.fromEntries([...named, ...worked]));
    };
    knob.addEventListener("pointerdown", (event) => {
      knob.setPointerCapture(event.pointerId);
      knob.focus({ preventScroll: true });
      event.preventDefault();
    });
    knob.addEventListener("pointermove", (event) => {
      if (!knob.hasPointerCapture(event.pointerId)) return;
      const box = this.svg.getBoundingClientRect();
      set(this.x.invert(event.clientX - box.left), this.y.invert(event.clientY - box.top));
    });
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    knob.addEventListener("keydown", (event) => {
      let [dx, dy] = by[event.key] ?? [0, 0];
      if (!mark.y && dy) [dx, dy] = [-dy, 0]; // up is more
      if (!mark.x && dx) [dx, dy] = [0, -dx];
      if (!dx && !dy) return;
      event.preventDefault();
      const step = event.shiftKey ? 0.1 : 0.01, [px, py] = this.at(mark);
      set(this.x.invert(px + dx * step * this.width), this.y.invert(py + dy * step * this.height));
    });
  }

  /** Where a point is, in pixels; a line's stands at the upper or the right edge. */
  at(mark) {
    const { c } = this.numbers, value = (at) => (typeof at === "string" ? c[at] : bound(at, c)());
    return [
      mark.x ? this.x(value(mark.x)) : this.left + this.width,
      mark.y ? this.y(value(mark.y)) : this.top,
    ];
  }

  resize(width, tall) {
    const height = Math.round(Math.min(300, Math.max(tall ? 200 : 170, (tall ? 0.75 : 0.6) * width)));
    Object.assign(this, { W: width, H: height });
    this.width = width - this.left - this.right;
    this.height = height - this.top - this.bottom;
    const { left, top } = this;
    for (const [name, v] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` }))
      this.svg.setAttribute(name, v);
    for (const [name, v] of Object.entries({ x: left, y: top - 1, width: this.width, height: this.height + 2 }))
      this.clip.setAttribute(name, v);
    this.title.setAttribute("x", left);
    this.xlabel.setAttribute("x", left + this.width / 2);
    this.xlabel.setAttribute("y", height - 4);
    this.ylabel.setAttribute("transform", `translate(11, ${top + this.height / 2}) rotate(-90)`);
    this.drawn = undefined;
  }

  draw(numbers, shown) {
    for (const _ of this.inTurns(numbers, shown));
  }

  /** The axes and one mark after the other. */
  *inTurns(numbers, shown) {
    this.numbers = numbers;
    const { spec } = this, { sequences, c } = numbers;
    const lines = spec.marks.filter((mark) => mark.kind === "line" && shown(mark.label));
    const axis = (which, log) => {
      if (spec[which]) return spec[which];
      const columns = lines.map((mark) => sequences[mark.sequence][mark[which]]);
      if (which === "x" && columns.some((column) => !column)) {
        return [0, Math.max(...lines.map((mark) => sequences[mark.sequence][mark.y].length - 1), 1)];
      }
      return extent(columns, log);
    };
    this.scales(axis("x", spec.xlog), axis("y", spec.ylog));
    for (const [i, mark] of spec.marks.entries()) {
      this[DRAW[mark.kind]](this.marks[i], mark, c, sequences, shown);
      yield;
    }
  }

  scales(x, y) {
    const { spec, left, top, width, height } = this, now = [x, y, this.W].join();
    if (now === this.drawn) return;
    this.drawn = now;
    this.x = scale(spec.xlog, x, [left, left + width], false);
    this.y = scale(spec.ylog, y, [top + height, top], !spec.y);
    this.axes.replaceChildren();
    for (const v of ticks(this.x.domain, spec.xlog, Math.max(2, Math.floor(width / 62)))) {
      svg(this.axes, "line", { x1: this.x(v), x2: this.x(v), y1: top, y2: top + height });
      svg(this.axes, "text", { x: this.x(v), y: top + height + 15, "text-anchor": "middle" }, short(v));
    }
    for (const v of ticks(this.y.domain, spec.ylog, Math.max(2, Math.floor(height / 34)))) {
      svg(this.axes, "line", { x1: left, x2: left + width, y1: this.y(v), y2: this.y(v) });
      svg(this.axes, "text", { x: left - 5, y: this.y(v) + 4, "text-anchor": "end" }, short(v));
    }
  }

  line(element, mark, c, sequences, shown) {
    if (!shown(mark.label)) return element.setAttribute("d", "");
    const columns = sequences[mark.sequence], ys = columns[mark.y], xs = columns[mark.x];
    element.setAttribute("d", path(ys.length, (i) => this.x(xs ? xs[i] : i), (i) => this.y(ys[i]), mark.look));
  }

  // level lines move only with what they are lines of; on the logarithm, narrow valleys stay whole
  levels(group, mark, c) {
    const now = key(mark.function, c) + this.drawn;
    if (group.drawn === now) return;
    group.drawn = now;
    const f = bound(mark.function, c), n = GRID, plane = new Float64Array(n * n);
    const { left, top, width, height } = this;
    // sample k stands at k + 1/2; the first and the last lie outside, where what is filled is closed
    const column = (i) => left + (width * (i - 1.5)) / (n - 3), row = (j) => top + (height * (j - 1.5)) / (n - 3);
    for (let j = 0; j < n; j++)
      for (let i = 0; i < n; i++)
        plane[j * n + i] = Math.log(Math.max(f(this.x.invert(column(i + 0.5)), this.y.invert(row(j + 0.5))), 1e-300));
    const highest = plane.reduce((a, b) => (b > a ? b : a), -Infinity);
    const values = mark.values.length
      ? mark.values.map(Math.log)
      : Array.from({ length: LEVELS }, (_, k) => highest - (LEVELS - k) * Math.log(4));
    const shapes = contours().size([n, n]).thresholds(values)(plane);
    group.replaceChildren();
    for (const { coordinates } of shapes) {
      const ring = (points) => `M${points.map(([i, j]) => `${column(i).toFixed(1)},${row(j).toFixed(1)}`).join("L")}Z`;
      svg(group, "path", { d: coordinates.flat().map(ring).join("") });
    }
  }

  point(group, mark) {
    const [across, dot, text] = group.children;
    const [px, py] = this.at(mark);
    const inside = px >= this.left - 1 && px <= this.left + this.width + 1 && py >= this.top - 1 && py <= this.H - this.bottom + 1;
    group.toggleAttribute("hidden", !inside);
    if (!inside) return;
    this.through(across, mark, px, py);
    place(dot, { cx: px, cy: py, r: mark.x && mark.y ? 4 : 0 });
    const end = px > this.left + 0.6 * this.width;
    place(text, {
      x: px + (end ? -7 : 7), y: mark.y ? Math.max(py - 6, this.top + 11) : py + 12, "text-anchor": end ? "end" : "start",
    });
  }

  moveHandle(group, mark, c) {
    const within = (v, low, size) => Math.min(low + size, Math.max(low, v)); // also where a slider goes on beyond
    const at = this.at(mark), [across, knob] = group.children;
    const px = within(at[0], this.left, this.width), py = within(at[1], this.top, this.height);
    this.through(across, mark, px, py);
    knob.setAttribute("transform", `translate(${px}, ${py})`);
    const end = px + 12 + 7 * mark.label.length > this.left + this.width; // letters of some seven pixels
    place(knob.lastChild, { x: end ? -12 : 12, "text-anchor": end ? "end" : "start" });
    const axis = mark.x ? this.x : this.y, [low, high] = axis.domain;
    const names = [mark.x, mark.y].filter((at) => typeof at === "string").concat(Object.keys(mark.sets));
    place(knob, {
      "aria-valuemin": low, "aria-valuemax": high, "aria-valuenow": c[names[0]],
      "aria-valuetext": names.map((name) => short(c[name])).join(", "),
    });
  }

  // a line across the panel for what has one coordinate
  through(line, mark, px, py) {
    const { left, top, width, height } = this;
    if (mark.x && mark.y) place(line, { x1: px, x2: px, y1: py, y2: py });
    else if (mark.x) place(line, { x1: px, x2: px, y1: top, y2: top + height });
    else place(line, { x1: left, x2: left + width, y1: py, y2: py });
  }
}

const place = (element, attributes) => {
  for (const [name, v] of Object.entries(attributes)) element.setAttribute(name, v);
};
