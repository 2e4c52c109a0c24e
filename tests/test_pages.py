"""Every page of the built book, as a reader without a network sees it."""

from __future__ import annotations

import gzip
import json
import operator
import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).parent))
import figures

from lrbook.plots import one_window

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
PAGES = sorted(p.relative_to(HTML).as_posix() for p in HTML.rglob("*.html") if "_static" not in p.parts)
CONTENT = [p for p in PAGES if p not in {"genindex.html", "search.html"}]
NOTEBOOKS = sorted((ROOT / "_build" / "jupyter_execute").rglob("*.ipynb"))
WIDTHS = (390, 768, 1440)
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
# text that only a formula left unset would show
RAW = re.compile(r"\$\$|\\\(|\\\[|\\(?:d?frac|begin|left|operatorname|sqrt|eta|theta|sum|cdot)\b")

pytestmark = pytest.mark.book


def test_book_is_built():
    assert "index.html" in PAGES, "there is no book in _build/html: run `make book` first"


class Page(HTMLParser):
    """What a page links to, loads, defines and says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.images: list[dict[str, str]] = []
        self.stack: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        a = {k: v or "" for k, v in attrs}
        classes = a.get("class", "")
        self.ids.update(a[k] for k in ("id", "name") if a.get(k))
        if tag == "a" and "href" in a:
            self.links.append(a["href"])
        elif tag == "link" and a.get("rel") in {"next", "prev", "index", "search"}:
            self.links.append(a.get("href", ""))
        elif tag in {"link", "script", "img", "iframe", "source", "video", "audio"}:
            self.loads += [a[k] for k in ("src", "href", "data-src") if a.get(k)]
        if tag == "img":
            self.images.append(a | {"inside": " ".join(c for _, c in self.stack)})
        if tag not in VOID:
            self.stack.append((tag, classes))

    def handle_endtag(self, tag):
        while self.stack and tag in {t for t, _ in self.stack}:
            if self.stack.pop()[0] == tag:
                break


@cache
def page(name: str) -> Page:
    return Page((HTML / name).read_text("utf8"))


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_nothing_from_elsewhere(name):
    foreign = [u for u in page(name).loads if u.startswith(("http:", "https:", "//"))]
    assert not foreign
    gone = [u for u in page(name).loads if not u.startswith("data:")]
    gone = [u for u in gone if not (HTML / name).parent.joinpath(unquote(urlsplit(u).path)).exists()]
    assert not gone


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    broken = []
    for link in page(name).links:
        url = urlsplit(link)
        if url.scheme in {"http", "https", "mailto"} or not link or link == "#":
            continue
        target = (HTML / name).parent.joinpath(unquote(url.path)).resolve() if url.path else HTML / name
        if not target.is_file():
            broken.append(link)
        elif url.fragment and target.suffix == ".html":
            ids = page(target.relative_to(HTML.resolve()).as_posix() if url.path else name).ids
            if unquote(url.fragment) not in ids:
                broken.append(link)
    assert not broken


@pytest.mark.parametrize("name", CONTENT)
def test_figures_say_what_they_show(name):
    poor = [
        image.get("alt", "")
        for image in page(name).images
        if "cell_output" in image["inside"]
        and (len(image.get("alt", "")) <= 20 or re.search(r"\.(svg|png)$|^_images", image["alt"]))
    ]
    assert not poor, "these alt texts do not say what the figure shows"


@pytest.mark.parametrize("name", CONTENT)
def test_markdown_that_a_cell_prints_is_rendered(name):
    text = (HTML / name).read_text("utf8")
    assert "<p>|" not in text, "a table is left as text"


def test_styles_load_nothing_from_elsewhere():
    for sheet in HTML.joinpath("_static").rglob("*.css"):
        foreign = re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")]+)", sheet.read_text("utf8"))
        assert not foreign, sheet


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_is_offered_as_executed(path):
    """The download has every cell that was run for the page, in its order, with what it gave, in one form."""
    name = path.relative_to(ROOT / "_build" / "jupyter_execute")
    assert f"notebooks/{name.as_posix()}" in " ".join(page(name.with_suffix(".html").as_posix()).links)
    ran, (needs, *offered) = cells(path, "code"), cells(download(path), "code")
    parts = operator.itemgetter("source", "execution_count")
    assert [parts(cell) for cell in offered] == [parts(cell) for cell in ran]
    assert [made(cell) for cell in offered] == [
        [{kind: one_window(text) for kind, text in output.items()} for output in made(cell)] for cell in ran
    ]
    assert all(cell["execution_count"] for cell in ran if cell["source"])
    assert "pip install" in needs["source"]
    folded = [
        cell for cell in offered if {"hide-input", "remove-cell"} & set(cell["metadata"].get("tags", ()))
    ]
    assert folded
    assert all(cell["metadata"]["jupyter"]["source_hidden"] for cell in folded)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_the_text_of_a_notebook_is_that_of_its_page_with_no_markup_left(path):
    """Roles, directives, targets and options are written out; each paragraph is there, word for word."""
    texts = ["".join(cell["source"]) for cell in cells(download(path), "markdown")]
    for text in texts:
        prose = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.M | re.S)
        left = re.search(r"\{[\w:-]+\}`|^ *(`{3,}|:{3,})\{|^:[\w-]+:|^\([\w-]+\)=|\{\{|<[a-z/]", prose, re.M)
        assert not left, prose[max(left.start() - 60, 0) : left.end() + 60]
    plain = letters(re.sub(r"\$\$.*?\$\$|\$[^$]*\$|\]\([^)\s]*\)", "", "\n".join(texts), flags=re.S))
    missing = [p for p in paragraphs(path.stem) if letters(p) not in plain]
    assert not missing


def cells(path, kind):
    found = [cell for cell in json.loads(path.read_text("utf8"))["cells"] if cell["cell_type"] == kind]
    return [{**cell, "source": "".join(cell["source"])} for cell in found]


def made(cell):
    """What a cell gave, each output as the texts that it has."""
    given = [output.get("data", output) for output in cell["outputs"]]
    return [{kind: "".join(map(str, value)) for kind, value in output.items()} for output in given]


def download(path):
    return HTML / "notebooks" / path.name


def letters(text):
    """Letters and digits alone: what is left when marks, spaces and escapes differ."""
    return re.sub(r"[\W_]+", "", text)


def paragraphs(name):
    """The text of each paragraph, caption and heading of a page outside of what cells print."""
    article = BeautifulSoup((HTML / f"{name}.html").read_text("utf8"), "html.parser").article
    for element in article.select(
        ".math, .headerlink, .caption-number, .toctree-wrapper, summary, lr-figure"
    ):
        element.decompose()
    found = [
        p
        for p in article.select("p, h1, h2, h3")
        if p.find_parent("figcaption") or not p.find_parent(class_="cell_output")
    ]
    return [p.get_text() for p in found if letters(p.get_text())]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_output_can_be_compared(path):
    """Bitmaps are not compared when the notebook is run again; figures are SVG, which is."""
    for cell in json.loads(path.read_text("utf8"))["cells"]:
        for output in cell.get("outputs", []):
            assert not {"image/png", "image/jpeg"} & set(output.get("data", {})), cell["source"]


# --- in a browser


class Visitor:
    """One open tab, and all that went wrong in it."""

    def __init__(self, context) -> None:
        self.faults: list[str] = []
        self.tab = context.new_page()
        self.tab.set_default_timeout(15_000)
        self.tab.on("pageerror", lambda e: self.faults.append(f"script error: {e}"))
        self.tab.on("console", lambda m: m.type == "error" and self.faults.append(f"console: {m.text}"))
        self.tab.on("requestfailed", self.failed)
        self.tab.on("request", self.requested)

    def failed(self, request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # a still picture may be hidden before it is there
            self.faults.append(f"failed request: {request.url}")

    def requested(self, request) -> None:
        if request.url.startswith(("http:", "https:", "ws:", "wss:")):
            self.faults.append(f"request to the network: {request.url}")

    def open(self, name: str, query: str = "") -> list[str]:
        self.faults.clear()
        self.tab.goto((HTML / name).as_uri() + query, wait_until="load")
        return self.faults


@pytest.fixture(scope="module", params=["light", "dark"])
def visitor(request, chromium):
    context = chromium.new_context(offline=True, color_scheme=request.param)
    context.scheme = request.param
    yield Visitor(context)
    context.close()


MEASURE = """() => {
    const root = document.documentElement, limit = root.clientWidth + 1, wide = [];
    if (root.scrollWidth > limit || document.body.scrollWidth > limit)
        for (const e of document.querySelectorAll('main *'))
            if (e.getBoundingClientRect().right > limit && wide.length < 3)
                wide.push(e.outerHTML.slice(0, 120));
    window.scrollTo(200, 0);
    if (window.scrollX > 0) wide.push('the page scrolls sideways by ' + window.scrollX);
    window.scrollTo(0, 0);
    return wide;
}"""
SEEN = """() => {
    const skip = 'pre, code, .katex-mathml, script, style, .onlyprint, .dropdown > pre';
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let text = '';
    while (walk.nextNode())
        if (!walk.currentNode.parentElement.closest(skip)) text += walk.currentNode.data + '\\n';
    return text;
}"""


@pytest.mark.parametrize("name", PAGES)
def test_page_shows_well(visitor, name):
    """No page asks for a network, raises an error, shows raw LaTeX or scrolls sideways."""
    faults = visitor.open(name)
    for width in WIDTHS:
        visitor.tab.set_viewport_size({"width": width, "height": 900})
        faults += [f"too wide at {width} px: {e}" for e in visitor.tab.evaluate(MEASURE)]
    raw = RAW.search(text := visitor.tab.evaluate(SEEN))
    if raw:
        faults.append(f"raw LaTeX: {text[max(raw.start() - 40, 0) : raw.end() + 40]!r}")
    theme = visitor.tab.evaluate("document.documentElement.dataset.theme")
    assert theme == visitor.tab.context.scheme
    fonts = visitor.tab.evaluate(
        "() => document.fonts.ready.then(() => [...document.fonts].filter(f => f.status == 'error').length)"
    )
    assert not faults
    assert fonts == 0, "a font did not load"


def test_search_finds_a_word(visitor):
    """Search works from local files, without a server."""
    visitor.open("search.html", "?q=rate")
    visitor.tab.wait_for_selector("#search-results li a")
    assert visitor.tab.locator("#search-results li a").count() >= 1
    assert not visitor.faults


def test_folded_answers_open(visitor):
    """A folded solution is hidden until asked for."""
    folded = re.compile(r'<details class="[^"]*\bsolution\b')
    pages = [n for n in CONTENT if folded.search((HTML / n).read_text("utf8"))]
    assert len(pages) >= 14
    for name in pages[:2]:
        visitor.open(name)
        box = visitor.tab.locator("details.solution").first
        inside = box.locator("p").first
        assert not inside.is_visible(), name
        box.locator("summary").click()
        inside.wait_for(state="visible")


# --- live figures

LIVE = [name for name in CONTENT if "<lr-figure>" in (HTML / name).read_text("utf8")]


def test_every_live_figure_is_on_its_page():
    for name, (source, *_) in figures.cells().items():
        text = (HTML / f"{source}.html").read_text("utf8")
        assert re.search(rf'<figure[^>]*id="{name}".*?<lr-figure>.*?</lr-figure>.*?</figure>', text, re.S), (
            name
        )
    assert len(LIVE) >= 16


@pytest.mark.parametrize("name", CONTENT)
def test_the_script_of_figures_is_loaded_once_where_there_are_any_and_nowhere_else(name):
    scripts = [load for load in page(name).loads if load.split("?")[0].endswith("live.js")]
    assert len(scripts) == (name in LIVE)
    assert "customElements.define" not in (HTML / name).read_text("utf8"), "a page has the script inside it"


def test_figures_cost_little():
    """At most 60 kB compressed for the whole book: the script, and the data of all figures."""
    script = (HTML / "_static" / "live.js").read_bytes()
    data = re.compile(r'<lr-figure><script type="application/json">(.*?)</script>', re.S)
    found = [text for name in LIVE for text in data.findall((HTML / name).read_text("utf8"))]
    assert len(found) == len(figures.cells())
    assert (
        len(gzip.compress(script, 9)) + sum(len(gzip.compress(text.encode(), 9)) for text in found) < 60_000
    )


@pytest.mark.parametrize("name", LIVE)
def test_figures_answer_on_their_page(visitor, name):
    """From a local file, without a network, in the page's own theme."""
    faults = visitor.open(name)
    visitor.tab.set_viewport_size({"width": 1200, "height": 900})
    count = len(re.findall("<lr-figure>", (HTML / name).read_text("utf8")))
    visitor.tab.wait_for_function(f"document.querySelectorAll('lr-figure.ready').length == {count}")
    for i in range(count):
        figure = visitor.tab.locator("lr-figure").nth(i)
        assert not figure.locator("img").is_visible()
        slider = figure.locator("input[type=range]").first
        slider.focus()
        drawn = []
        for key in ("Home", "End"):
            slider.press(key)
            visitor.tab.evaluate(
                "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            drawn.append(figure.locator(".panels").inner_html())  # the axes, too: some figures only rescale
        assert drawn[0] != drawn[1]
    assert not faults


def test_figures_are_still_pictures_where_no_script_runs_and_on_paper(chromium):
    context = chromium.new_context(offline=True, java_script_enabled=False)
    tab = context.new_page()
    tab.goto((HTML / LIVE[0]).as_uri())
    assert tab.locator("lr-figure img").first.is_visible()
    assert tab.locator("lr-figure img").first.bounding_box()["height"] > 100
    context.close()
    context = chromium.new_context(offline=True)
    tab = context.new_page()
    tab.goto((HTML / LIVE[0]).as_uri())
    tab.wait_for_selector("lr-figure.ready")
    tab.emulate_media(media="print")
    assert tab.locator("lr-figure img").first.is_visible()
    assert not tab.locator("lr-figure .live-box").first.is_visible()
    context.close()


def test_a_link_to_a_figure_restores_it_and_shows_it(visitor):
    visitor.open("cosine-decay.html", "#fig-cos-live~horizon=777")
    visitor.tab.wait_for_selector("#fig-cos-live lr-figure.ready")
    assert (
        visitor.tab.evaluate("document.querySelector('#fig-cos-live lr-figure').drawn.controls.horizon")
        == 777
    )
    visitor.tab.wait_for_timeout(300)
    box = visitor.tab.locator("#fig-cos-live").bounding_box()
    assert -50 < box["y"] < 900


def test_a_notebook_brings_the_script_once():
    for path in NOTEBOOKS:
        text = path.read_text("utf8")
        if "<lr-figure>" in text:
            assert text.count("customElements.define(") == 1, path.stem
