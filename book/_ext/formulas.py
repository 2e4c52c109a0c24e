"""Mathematics set while the book is built: the page needs no script and no network to show it.

Each formula is set once by KaTeX, run in an embedded JavaScript engine. A formula that KaTeX
cannot read is a warning that names the page and the formula, and so fails the build.
"""

from __future__ import annotations

import html
import json
import re
from functools import cache
from pathlib import Path

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

# environments that stand alone; inside another they have other names
INNER = {"align": "aligned", "alignat": "alignedat", "gather": "gathered", "equation": "split"}
ALONE = re.compile(r"\\begin\{(align|alignat|gather|equation|multline|CD)(\*?)\}")


class FormulaError(ValueError):
    """KaTeX cannot read a formula."""


@cache
def engine() -> MiniRacer:
    """Start the engine, with KaTeX in it."""
    racer = MiniRacer()
    racer.eval((Path(__file__).parent / "katex" / "katex.min.js").read_text("utf8"))
    racer.eval(
        "function set(latex, display) { try { return [true, katex.renderToString(latex, {"
        "displayMode: display, output: 'htmlAndMathml', throwOnError: true, strict: 'error',"
        "trust: false, maxExpand: 1000})] } catch (e) { return [false, String(e.message)] } }"
    )
    return racer


@cache
def render(latex: str, display: bool) -> str:
    """Turn LaTeX into HTML with MathML."""
    call = f"JSON.stringify(set({json.dumps(latex)}, {json.dumps(display)}))"
    good, result = json.loads(str(engine().eval(call)))
    if not good:
        raise FormulaError(result)
    result = re.sub(r"<annotation.*?</annotation>", "", result, flags=re.DOTALL)  # the LaTeX once more
    result = result.replace('class="mord cjk_fallback"', 'class="mord cjk_fallback" lang="zh"')
    # an index min or max comes with a sign for "applied to" behind it, which makes one part too many
    return re.sub("<mo>\u2061</mo>(?=</m(?:sub|sup|under|over|subsup)>)", "", result)


def displayed(text: str, alone: bool) -> str:
    """Write the LaTeX of a display as KaTeX wants it: no numbers of its own, rows aligned."""
    text = re.sub(r"\\label\{[^}]*\}", "", text.strip())
    if alone or ALONE.match(text):
        return re.sub(r"\\(begin|end)\{(align|alignat|gather|equation)\}", r"\\\1{\2*}", text)
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    if len(parts) > 1:
        for outer, inner in INNER.items():
            parts = [re.sub(rf"\\(begin|end)\{{{outer}\*?\}}", rf"\\\1{{{inner}}}", p) for p in parts]
    parts = [rf"\begin{{split}}{p}\end{{split}}" if r"\\" in p else p for p in parts]
    if len(parts) == 1:
        return parts[0]
    return r"\begin{aligned}" + r"\\ ".join(parts) + r"\end{aligned}"


def put(self, node: nodes.Element, latex: str, display: bool) -> None:
    try:
        self.body.append(render(latex, display))
    except FormulaError as error:
        page = getattr(self.builder, "current_docname", "") or "?"
        logger.warning("formula on page %r: %s: %s", page, error, latex, location=node, type="formula")
        self.body.append(f"<code>{html.escape(latex)}</code>")


def visit_math(self, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    text = node.astext().strip()
    if text.startswith(r"\displaystyle"):  # as SymPy writes it: it may break no line, but may scroll
        self.body[-1] = self.starttag(node, "span", "", CLASS="math formula notranslate nohighlight")
    put(self, node, text, display=False)
    self.body.append("</span>")
    raise nodes.SkipNode


def visit_displaymath(self, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    number = node.get("number")
    if number:
        number = get_node_equation_number(self, node) or number
    self.body.append('<div class="formula">')
    put(self, node, displayed(node.astext(), bool(node.get("nowrap"))), display=True)
    self.body.append("</div>")
    if number:
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def plain(markup: str) -> str:
    """Leave out the MathML, which would say everything a second time once tags are stripped."""
    markup = re.sub(r'<span class="katex-mathml">.*?</math></span>', "", markup, flags=re.DOTALL)
    return markup.replace("\N{ZERO WIDTH SPACE}", "")


def plain_titles(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Keep formulas in titles readable where a browser shows them as text."""
    if context.get("title"):
        context["title"] = plain(context["title"])
        context["pagetitle"] = re.sub("<[^>]*>", "", context["title"])


def stop(app: Sphinx, exception: Exception | None) -> None:
    """Stop the engine: left running, it would keep the program from ending."""
    if engine.cache_info().currsize:
        engine().close()
        engine.cache_clear()


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("katex", (visit_math, None), (visit_displaymath, None))
    app.connect("html-page-context", plain_titles, priority=900)
    app.connect("build-finished", stop, priority=999)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
