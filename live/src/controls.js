// What a reader moves besides the handles: native inputs, each with its label.

import { allowed, SCALES, short } from "./engine.js";
import { make } from "./dom.js";

const STEPS = 400; // of a slider
const plain = (v) => (v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(5).replace(/\.?0*e/, "e") : +v.toPrecision(6));

/** An input for a control; gives a function that shows another value. */
export function input(parent, control, id, changed) {
  return { slider, choice, switch: toggle }[control.kind](parent, control, id, changed);
}

// the label, and room for what it is of
function row(parent, control, id) {
  const made = make(parent, "div", { class: "control" });
  make(made, "label", { for: id }, control.label);
  return made;
}

function slider(parent, control, id, changed) {
  const [to, from] = SCALES[control.scale](control), { label, low, high, whole } = control;
  const steps = whole && high - low < STEPS ? high - low : STEPS;
  const box = row(parent, control, id);
  const range = make(box, "input", { id, type: "range", min: 0, max: steps, step: 1 });
  const exact = make(box, "input", { type: "number", step: "any", min: low, max: high, "aria-label": `${label}, exactly` });
  const show = (v) => {
    range.value = Math.round(from(v) * steps);
    range.setAttribute("aria-valuetext", short(v));
    if (exact !== document.activeElement) exact.value = plain(v);
  };
  range.addEventListener("input", () => {
    const s = range.value / steps, end = s === 0 ? low : s === 1 ? high : undefined;
    changed(allowed(control, end ?? (whole ? Math.round(to(s)) : +to(s).toPrecision(3))));
  });
  exact.addEventListener("change", () => {
    const v = exact.value === "" ? NaN : +exact.value;
    if (Number.isFinite(v)) changed(allowed(control, v));
    exact.value = plain(allowed(control, v));
  });
  return show;
}

function choice(parent, control, id, changed) {
  const select = make(row(parent, control, id), "select", { id });
  for (const option of control.options) make(select, "option", { value: option }, option);
  select.addEventListener("change", () => changed(select.value));
  return (v) => { select.value = v; };
}

function toggle(parent, control, id, changed) {
  const box = make(row(parent, control, id), "input", { id, type: "checkbox" });
  box.addEventListener("change", () => changed(box.checked));
  return (v) => { box.checked = v; };
}
