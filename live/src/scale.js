// Scales between numbers and pixels, and where their grids stand.

import { nice, ticks as round } from "d3-array";

/** A function from a domain to pixels, with its inverse; rounded, the domain grows to round numbers. */
export function scale(log, domain, range, rounded) {
  let [low, high] = domain;
  if (rounded && log) [low, high] = [10 ** Math.floor(Math.log10(low) + 1e-9), 10 ** Math.ceil(Math.log10(high) - 1e-9)];
  else if (rounded) [low, high] = nice(low, high, 5);
  if (log && low === high) high = 10 * low;
  const f = log ? Math.log : (v) => v, inverse = log ? Math.exp : (v) => v;
  const [a, b] = [f(low), f(high)], [p, q] = range;
  const made = (v) => p + ((f(v) - a) / (b - a)) * (q - p);
  made.invert = (pixel) => inverse(a + ((pixel - p) / (q - p)) * (b - a));
  made.domain = [low, high];
  return made;
}

/** Round numbers within a domain; on a long log axis powers of ten alone, every so many. */
export function ticks([low, high], log, count) {
  const decades = Math.log10(high / low);
  if (!log) return round(low, high, count);
  if (decades < 1.5) return round(low, high, 3);
  const every = Math.max(1, Math.ceil(decades / count)), first = Math.ceil(Math.log10(low) - 1e-9);
  const many = Math.floor((Math.log10(high) + 1e-9 - first) / every) + 1;
  return Array.from({ length: many }, (_, k) => 10 ** (first + k * every));
}

/** The range of the finite numbers of columns, above zero on a log axis, over at most twelve decades. */
export function extent(columns, log) {
  let low = Infinity, high = -Infinity;
  for (const column of columns)
    for (const y of column)
      if (Number.isFinite(y) && (!log || y > 0)) {
        if (y < low) low = y;
        if (y > high) high = y;
      }
  if (low > high) return log ? [0.1, 1] : [0, 1];
  if (log) return low === high ? [low / 2, 2 * high] : [Math.max(low, high * 1e-12), high];
  return low === high ? [Math.min(0, 2 * low), Math.max(0, 2 * high) || 1] : [Math.min(0, low), high];
}

const FAR = 1e5; // pixels: a run that leaves goes on beyond the edge, but SVG refuses 1e39

/** The path through points in pixels; gaps where one is not finite, stairs where the value holds until the next. */
export function path(count, x, y, look) {
  let d = "", pen = false, lastX = NaN, lastY = NaN;
  for (let i = 0; i < count; i++) {
    const px = pixel(x(i)), py = pixel(y(i));
    if (Number.isNaN(px + py)) pen = false;
    else if (look === "dots") d += `M${px},${py}h0`;
    else {
      if (pen && i < count - 1 && Math.abs(px - lastX) < NEAR && Math.abs(py - lastY) < NEAR) continue;
      d += !pen ? `M${px},${py}` : look === "stairs" ? `H${px}V${py}` : `L${px},${py}`;
      [pen, lastX, lastY] = [true, px, py];
    }
  }
  return d;
}

const NEAR = 0.5; // pixels: what nobody sees is not drawn
const pixel = (v) => Math.round(10 * Math.max(-FAR, Math.min(FAR, v))) / 10;
