// What the engine computes of functions that come as text, and what the scales make of numbers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { allowed, lowest, numbers, say, SCALES, short } from "../src/engine.js";
import { extent, path, scale, ticks } from "../src/scale.js";

const f = (js, uses = []) => ({ js, uses });
// a number that doubles: the state, and the step beside it
const doubling = {
  columns: ["y", "t"], steps: "length", size: 1, best: null,
  start: f("(a) => { return [a]; }", ["a"]),
  update: f("(t, s0) => { return [2 * s0]; }"),
  output: f("(t, s0) => { return [s0, t]; }"),
};
const figure = (sequences, values = {}) => ({ sequences, values });

test("a sequence has a row for each step, the start included", () => {
  const { sequences } = numbers(figure({ d: doubling }), { a: 3, length: 4 });
  assert.deepEqual([...sequences.d.y], [3, 6, 12, 24, 48]);
  assert.deepEqual([...sequences.d.t], [0, 1, 2, 3, 4]);
});

test("a sequence without a state is a function of the step", () => {
  const squares = { ...doubling, columns: ["y"], steps: 3, size: 0, start: f("() => { return []; }"), update: f("(t) => { return []; }"), output: f("(t) => { return [t * t]; }") };
  assert.deepEqual([...numbers(figure({ squares }), {}).sequences.squares.y], [0, 1, 4, 9]);
});

test("what no moved control is looked at for is taken over, not computed again", () => {
  const before = numbers(figure({ d: doubling }), { a: 3, length: 4, other: 1 });
  const after = numbers(figure({ d: doubling }), { a: 3, length: 4, other: 2 }, before);
  assert.equal(after.sequences.d, before.sequences.d);
  assert.notEqual(numbers(figure({ d: doubling }), { a: 4, length: 4, other: 2 }, before).sequences.d, before.sequences.d);
  assert.notEqual(numbers(figure({ d: doubling }), { a: 3, length: 5, other: 2 }, before).sequences.d, before.sequences.d);
});

test("each choice has its source", () => {
  const value = { number: { by: ["kind", "on"], cases: { "a|False": f("() => { return 1; }"), "a|True": f("() => { return 2; }"), "b|True": f("(r) => { return r; }", ["r"]) } } };
  const found = (controls) => numbers(figure({}, { value }), controls).values.value;
  assert.equal(found({ kind: "a", on: false, r: 9 }), 1);
  assert.equal(found({ kind: "a", on: true, r: 9 }), 2);
  assert.equal(found({ kind: "b", on: true, r: 9 }), 9);
});

test("the best candidate is that with which the column ends lowest", () => {
  // the square of 4 - rate * step
  const miss = { columns: ["y"], steps: 2, size: 0, best: ["rate", "y", [1, 2, 3, NaN]], start: f("() => { return []; }"), update: f("(t) => { return []; }"), output: f("(t, rate) => { return [(4 - rate * t) * (4 - rate * t)]; }", ["rate"]) };
  const { sequences, values } = numbers(figure({ miss }, { best: { sequence: "miss", column: "", which: "best" } }), {});
  assert.equal(values.best, 2);
  assert.deepEqual([...sequences.miss.y], [16, 4, 0]);
});

test("the lowest place of a valley is found, wherever it lies, and a place that is no number is passed over", () => {
  for (const count of [1, 7, 8, 9, 50])
    for (let deep = 0; deep < count; deep++) {
      let asked = 0;
      assert.equal(lowest(count, (k) => { asked++; return (k - deep) ** 2; }), deep);
      assert.ok(asked <= Math.ceil(count / 8) + 6);
    }
  assert.equal(lowest(20, (k) => (k < 13 ? NaN : k)), 13);
  assert.equal(lowest(20, () => NaN), 0);
});

test("the best is not looked for again when the control that it replaces is moved", () => {
  const miss = { columns: ["y"], steps: 2, size: 0, best: ["rate", "y", [1, 2, 3]], start: f("() => { return []; }"), update: f("(t) => { return []; }"), output: f("(t, rate, goal) => { return [(goal - rate * t) * (goal - rate * t)]; }", ["rate", "goal"]) };
  const before = numbers(figure({ miss }), { rate: 1, goal: 5 });
  assert.equal(numbers(figure({ miss }), { rate: 9, goal: 5 }, before).sequences.miss, before.sequences.miss);
  assert.notEqual(numbers(figure({ miss }), { rate: 9, goal: 4 }, before).sequences.miss, before.sequences.miss);
});

test("values may use those before them, and words have limits", () => {
  const values = {
    last: { sequence: "d", column: "y", which: "last" }, largest: { sequence: "d", column: "y", which: "largest" },
    smallest: { sequence: "d", column: "y", which: "smallest" }, half: { number: f("(last) => { return last / 2; }", ["last"]) },
    word: { number: f("(half) => { return half; }", ["half"]), limits: [10, 20], words: ["low", "middle", "high"] },
  };
  const found = (a) => numbers(figure({ d: doubling }, values), { a, length: 2 }).values;
  assert.deepEqual(found(4), { last: 16, largest: 16, smallest: 4, half: 8, word: "low" });
  assert.equal(found(5).word, "middle");
  assert.equal(found(10).word, "high"); // a limit is not below itself
  assert.equal(found(-4).largest, -4);
});

test("numbers are said to three digits", () => {
  const said = [0, 0.1, 1 / 3, 12.345, 999.96, 1234.6, 99999, 123456, 1e-7, -2.5e-5, NaN, Infinity];
  assert.deepEqual(said.map(short), ["0", "0.1", "0.333", "12.3", "1000", "1235", "99999", "1.2e5", "1e-7", "-2.5e-5", "∞", "∞"]);
  assert.equal(say("{a} of {b} is {word}", { a: 0.5, b: 2, word: "low" }), "0.5 of 2 is low");
});

test("each scale goes there and back, and has its ends", () => {
  for (const [name, low, high] of [["linear", -3, 5], ["log", 0.01, 100], ["toward1", 0, 0.999]]) {
    const [to, from] = SCALES[name]({ low, high });
    for (const s of [0, 0.25, 0.5, 1]) assert.ok(Math.abs(from(to(s)) - s) < 1e-12, name);
    assert.ok(Math.abs(to(0) - low) < 1e-12 && Math.abs(to(1) - high) < 1e-12, name);
  }
  assert.ok(Math.abs(SCALES.toward1({ low: 0, high: 0.99 })[0](0.5) - 0.9) < 1e-12); // half-way to a hundredth: a tenth
});

test("a value that a control cannot have becomes one that it can", () => {
  const rate = { kind: "slider", low: 0, high: 10, value: 5, whole: true }, kind = { kind: "choice", options: ["a", "b"], value: "a" };
  assert.deepEqual([11, -1, 3.4, NaN].map((v) => allowed(rate, v)), [10, 0, 3, 5]);
  assert.deepEqual(["b", "c"].map((v) => allowed(kind, v)), ["b", "a"]);
});

test("a scale goes from numbers to pixels and back", () => {
  const linear = scale(false, [0, 10], [100, 200], false), log = scale(true, [1, 100], [0, 200], false);
  assert.equal(linear(5), 150);
  assert.equal(linear.invert(150), 5);
  assert.ok(Math.abs(log(10) - 100) < 1e-9 && Math.abs(log.invert(100) - 10) < 1e-9);
  assert.deepEqual(scale(true, [0.02, 30], [0, 1], true).domain, [0.01, 100]);
  assert.deepEqual(scale(false, [0, 9.3], [0, 1], true).domain, [0, 10]);
});

test("grids stand at round numbers", () => {
  assert.deepEqual(ticks([0, 1], false, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks([1e-3, 1e3], true, 10), [1e-3, 1e-2, 1e-1, 1, 10, 100, 1000].map((v, i) => 10 ** (i - 3)));
  assert.deepEqual(ticks([1e-6, 1e6], true, 4), [1e-6, 1e-3, 1, 1e3, 1e6].map((v, i) => 10 ** (3 * i - 6)));
  assert.equal(ticks([2, 9], true, 5).length > 2, true);
});

test("the range of numbers leaves out what is not finite, and on a log axis what is not above zero", () => {
  assert.deepEqual(extent([[1, NaN, Infinity, 3]], false), [0, 3]);
  assert.deepEqual(extent([[-2, 3]], false), [-2, 3]);
  assert.deepEqual(extent([[0, -1, 2, 8]], true), [2, 8]);
  assert.deepEqual(extent([[1e-30, 1]], true), [1e-12, 1]); // twelve decades
  assert.deepEqual(extent([[NaN]], true), [0.1, 1]);
  assert.deepEqual(extent([[NaN]], false), [0, 1]);
  assert.deepEqual(extent([[0, 0]], false), [0, 1]);
  assert.deepEqual(extent([[4, 4]], false), [0, 8]);
  assert.deepEqual(extent([[4, 4]], true), [2, 8]);
});

test("a path has gaps where a number is not finite, and stays within what SVG takes", () => {
  const draw = (ys, look) => path(ys.length, (i) => 10 * i, (i) => ys[i], look);
  assert.equal(draw([1, 2, NaN, 4, 5]), "M0,1L10,2M30,4L40,5");
  assert.equal(draw([1, 2], "stairs"), "M0,1H10V2");
  assert.equal(draw([1, NaN, 2], "dots"), "M0,1h0M20,2h0");
  const flat = path(101, (i) => i / 10, () => 3, "line"); // a step of a tenth of a pixel: every fifth, and the last
  assert.deepEqual([flat.split("L").length, flat.split("L").at(-1)], [21, "10,3"]);
  assert.equal(path(3, (i) => i / 10, (i) => 50 * (i % 2), "line"), "M0,0L0.1,50L0.2,0"); // but every jump
  assert.equal(draw([1e39, -1e39]), "M0,100000L10,-100000");
});
