// Figures that answer. A classic script: browsers load no modules from local files.

import { LiveFigure } from "./element.js";
import style from "./style.css";

if (!customElements.get("lr-figure")) {
  document.head.append(Object.assign(document.createElement("style"), { textContent: style }));
  customElements.define("lr-figure", LiveFigure);
}
