"""What a page needs to be read by everybody: languages, folds without a script, a description, a search.

The text of each page is kept beside the build, one file a page, and goes into one script that the search
reads: a page that was opened from a folder may not fetch others.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+(?:[\w\s]*[\u3400-\u9fff\uff00-\uffef]+)*")
LETTERS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho final "
LETTERS += "sigma tau upsilon phi chi psi omega"
SIGNS = {name: chr(0x3B1 + i) for i, name in enumerate(LETTERS.split())}
SIGNS |= {"le": "≤", "ge": "≥", "cdot": "·", "sqrt": "√"}
MARKS = {"✅": "ran", "❌": "failed"}
NAME = re.compile(r'(?<=[a-z"]) id="([^"]+)"')
BLOCKS = (nodes.paragraph, nodes.caption, nodes.title, nodes.term)


class Languages(SphinxPostTransform):
    """Mark what is Chinese, so that it is spoken and drawn as Chinese."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for text in list(self.document.findall(nodes.Text)):
            if CHINESE.search(text) and not isinstance(text.parent, (nodes.literal_block, nodes.raw)):
                parts, done = [], 0
                for match in CHINESE.finditer(text):
                    parts += [nodes.Text(text[done : match.start()])] if match.start() > done else []
                    parts.append(nodes.inline("", match[0], classes=["language-zh"]))
                    done = match.end()
                parts += [nodes.Text(text[done:])] if done < len(text) else []
                text.parent.replace(text, parts)


class Folds(SphinxPostTransform):
    """Put folded code below what it makes, and say what that is: a reader looks first, and asks then how."""

    default_priority = 200  # MyST-NB has folded the code at 199
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") == "cell_code" and cell.get("hide_mode") == "input":
                cell.children.sort(key=lambda part: part.get("nb_element") != "cell_code_output")
                for fold in cell.findall(HideCodeCellNode):
                    if fold["prompt_show"] == self.config.nb_code_prompt_show:
                        fold["prompt_show"] = made_by(cell) or fold["prompt_show"]


def made_by(cell: nodes.container) -> str:
    """Say of a cell without words of its own what it makes, if that is more than what it prints."""
    if cell.next_node(nodes.image) is not None:
        return "How the figure is made"
    if cell.next_node(nodes.table) is not None:
        return "How the table is made"
    return "" if len(cell.children) > 1 else "What this page imports"


class Titles(SphinxPostTransform):
    """Name pages by their titles where MyST-NB lists them by their files, and say in words that one ran."""

    default_priority = 900

    def run(self, **kwargs) -> None:
        titles = {name: title.astext() for name, title in self.env.titles.items()}
        for link in self.document.findall(nodes.reference):
            if link.astext() in titles and link.get("refuri") == f"{link.astext()}.html":
                link.children = [nodes.Text(titles[link.astext()])]
                link.children[0].parent = link
        for text in list(self.document.findall(nodes.Text)):
            if text in MARKS:
                text.parent.replace(text, nodes.Text(MARKS[text]))


class MeasuredPages(SphinxDirective):
    """The table of what `benchmarks/pages.py` has measured."""

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / "measured.json"
        self.env.note_dependency(str(path))
        lines = [
            "| page | first visit [kB] | next visit [kB] | first paint [s] | moved |",
            "|---|---|---|---|---|",
        ]
        for page, seen in json.loads(path.read_text("utf8")).items():
            sizes = f"{seen['bytes'] / 1000:.0f} | {seen['next'] / 1000:.0f}"
            lines.append(f"| {{doc}}`{page}` | {sizes} | {seen['paint']:.2f} | {seen['shift']:.3f} |")
        return self.parse_text_to_nodes("\n".join(lines))


def visit_solution(self, node: nodes.Element) -> None:
    """Write a solution as a fold, which needs no script and can be searched by the browser."""
    title = next(node.findall(nodes.title))
    self.body.append(self.starttag(node, "details", CLASS="admonition"))
    self.body.append('<summary class="admonition-title">')
    for child in title.children:  # the number of the exercise is no link here: a fold can be clicked anywhere
        for part in [" ", *child.children] if isinstance(child, nodes.reference) else [child]:
            self.body.append(part) if isinstance(part, str) else part.walkabout(self)
    self.body.append("</summary>\n")
    for child in node.children:
        if child is not title:
            child.walkabout(self)
    self.body.append("</details>\n")
    raise nodes.SkipNode


def spoken(math: str) -> str:
    """Write a short formula in letters; a longer one as dots."""
    text = re.sub(r"\\([a-z]+)", lambda name: SIGNS.get(name[1], name[0]), math)
    text = re.sub(r"[{}$]|\\[,;! ]", "", text).strip()
    return "…" if "\\" in text or len(text) > 24 else text


def plain(node: nodes.Node) -> str:
    """Give the words of a node."""
    if isinstance(node, nodes.Text):
        return str(node)
    if isinstance(node, (nodes.math, nodes.math_block)):
        return spoken(node.astext())
    if isinstance(node, (nodes.raw, nodes.comment)):
        return ""
    return "".join(plain(child) for child in node.children)


def texts(doctree: nodes.document) -> Iterator[tuple[str, str]]:
    """Give the paragraphs of a page, each with the place that a link can lead to."""
    for node in doctree.findall(lambda n: isinstance(n, BLOCKS)):
        if "cell_output" in getattr(node.parent, "attributes", {}).get("classes", ()):
            continue
        text = re.sub(r"\s+", " ", plain(node)).strip()
        if text:
            yield anchor(node), text


def anchor(node: nodes.Node) -> str:
    """Find the nearest place above a node that has a name."""
    while node is not None and not isinstance(node, nodes.document):
        named = isinstance(node, (nodes.section, nodes.figure)) or "exercise" in type(node).__name__
        if named and node.get("ids") and not str(node["ids"][0]).endswith("-content"):
            return str(node["ids"][0])
        if type(node).__name__ == "desc":
            signature = node.next_node(lambda n: type(n).__name__ == "desc_signature")
            if signature is not None and signature["ids"]:
                return str(signature["ids"][0])
        node = node.parent
    return ""


def description(doctree: nodes.document) -> str:
    """Cut the first paragraph to the length of a description, at a sentence if one ends there."""
    for node in doctree.findall(nodes.paragraph):
        text = re.sub(r"\s+", " ", plain(node)).strip()
        if len(text) > 60 and isinstance(node.parent, nodes.section):
            break
    else:
        return ""
    if len(text) <= 200:
        return text
    ends = [m.end() for m in re.finditer(r"[.?!](?= )", text[:200])]
    return text[: ends[-1]] if ends and ends[-1] > 80 else text[:197].rsplit(" ", 1)[0] + "…"


def prepare(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Give the page its description, and keep its text for the search."""
    if app.builder.name != "html":
        return
    if "body" in context:
        body = re.sub(r' role="(?:doc-biblioentry|doc-backlink|list)"', "", context["body"])
        body = body.replace(' aria-label="Toggle hidden content"', "")
        body = re.sub(r'(href="bibliography\.html#[^"]*") title="[^"]*"', r"\1", body)  # the entry once more
        seen: set[str] = set()
        context["body"] = NAME.sub(lambda name: "" if name[1] in seen else seen.add(name[1]) or name[0], body)
    if doctree is None:
        return
    context["description"] = description(doctree)
    context["html_baseurl"] = app.config.html_baseurl
    kept = Path(app.outdir).parent / "texts"
    kept.mkdir(exist_ok=True)
    title = re.sub("<[^>]*>", "", context.get("title", ""))
    page = {"page": pagename, "title": title, "texts": list(texts(doctree))}
    (kept / f"{pagename}.json").write_text(json.dumps(page, ensure_ascii=False), "utf8")


def write_search(app: Sphinx, exception: Exception | None) -> None:
    """Write the text of all pages for the search, in the order of the book, and the map of the site."""
    if exception is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    order = [app.config.root_doc, *app.env.toctree_includes.get(app.config.root_doc, [])]
    pages = [json.loads((out.parent / "texts" / f"{page}.json").read_text("utf8")) for page in order]
    for page in pages:
        page["weight"] = weight(app, page["page"])
    text = json.dumps(pages, ensure_ascii=False, separators=(",", ":"))
    (out / "_static" / "texts.js").write_text(f"const TEXTS = {text};\n", "utf8")
    base = app.config.html_baseurl
    (out / "robots.txt").write_text(
        "User-agent: *\nAllow: /\n" + (f"Sitemap: {base}sitemap.xml\n" if base else ""), "utf8"
    )
    places = "".join(
        f"  <url><loc>{base}{'' if page == app.config.root_doc else page + '.html'}</loc></url>\n"
        for page in order
    )
    (out / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{places}</urlset>\n",
        "utf8",
    )


def weight(app: Sphinx, page: str) -> float:
    """How much a page counts in a search: a chapter most, the reference least."""
    source = Path(app.env.doc2path(page)).read_text("utf8")
    return 1.0 if "{exercise-start}" in source else 0.25 if "```{code-cell}" not in source else 0.5


def know_address(app: Sphinx, config) -> None:
    """Take the address of the site from the environment, where it is known."""
    config.html_baseurl = os.environ.get("BOOK_URL", config.html_baseurl)
    if config.html_baseurl and not config.html_baseurl.endswith("/"):
        config.html_baseurl += "/"


def setup(app: Sphinx) -> dict:
    from sphinx_exercise.nodes import solution_node

    app.add_post_transform(Languages)
    app.add_post_transform(Folds)
    app.add_post_transform(Titles)
    app.add_directive("measured-pages", MeasuredPages)
    app.connect("config-inited", know_address)
    app.connect("html-page-context", prepare, priority=950)
    app.connect("build-finished", write_search, priority=800)

    def replace_solution(app: Sphinx) -> None:
        app.add_node(solution_node, override=True, html=(visit_solution, lambda self, node: None))

    app.connect("builder-inited", replace_solution)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
