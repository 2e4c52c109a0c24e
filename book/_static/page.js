// What wide things do on a narrow page, and what folds do on paper.
(() => {
  const wide = "pre, .pst-scrollable-table-container, div.math > .formula, span.math.formula, .cell_output";

  // Whatever scrolls can be reached by keyboard, has a name, and shows that it goes on.
  function mark(box) {
    const over = box.scrollWidth - box.clientWidth;
    box.classList.toggle("scrolls", over > 1); // one may be a rounding: it can be reached, but nothing goes on
    if (over > 0) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", box.matches("pre") ? "Code, scrolls sideways"
        : box.matches(".formula") ? "Formula, scrolls sideways" : "Table or picture, scrolls sideways");
    } else if (box.getAttribute("role") == "region") {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
  const watch = new ResizeObserver(entries => entries.forEach(entry => mark(entry.target)));

  // Paper shows what is folded, in the light theme; afterwards all is as it was.
  let before;
  function open() {
    before = { theme: document.documentElement.dataset.theme, shut: [...document.querySelectorAll("details:not([open])")] };
    document.documentElement.dataset.theme = "light";
    for (const fold of before.shut) fold.open = fold.classList.contains("solution");
  }
  function shut() {
    document.documentElement.dataset.theme = before.theme;
    for (const fold of before.shut) fold.open = false;
  }

  addEventListener("DOMContentLoaded", () => document.querySelectorAll(wide).forEach(box => watch.observe(box)));
  document.fonts.addEventListener("loadingdone", () => document.querySelectorAll(wide).forEach(mark)); // formulas change their width
  addEventListener("beforeprint", open);
  addEventListener("afterprint", shut);
})();
