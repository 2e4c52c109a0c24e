"""The built pages for everybody: with a keyboard, a screen reader, a slow line, from a search, on paper."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"
PAGES = sorted(p.stem for p in HTML.glob("*.html"))
BOOK = [name for name in PAGES if name not in {"genindex", "search", "404"}]
URL = os.environ.get("BOOK_URL", "")
FIRST, NEXT = 350_000, 80_000  # bytes, compressed: the most that a first page, and each next one, may bring

pytestmark = pytest.mark.book


@cache
def soup(name):
    return BeautifulSoup((HTML / f"{name}.html").read_text("utf8"), "html.parser")


# --- structure


@pytest.mark.parametrize("name", PAGES)
def test_every_name_on_a_page_is_its_own(name):
    ids = Counter(element["id"] for element in soup(name).find_all(id=True))
    assert [i for i, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("name", PAGES)
def test_tables_say_what_their_columns_are(name):
    for table in soup(name).select("article table:not(.indextable)"):
        heads = table.find_all("th")
        assert heads
        poor = [head for head in heads if head.get("scope") != "col" or not head.get_text().strip()]
        assert not poor


@pytest.mark.parametrize("name", BOOK)
def test_chinese_is_marked_as_such_and_nothing_else_is(name):
    for text in soup(name).article.find_all(string=re.compile(r"[\u3400-\u9fff]")):
        if text.find_parent(["pre", "script", "math"]) is None:
            assert text.find_parent(attrs={"lang": "zh"}) is not None, text
    for element in soup(name).find_all(attrs={"lang": "zh"}):
        assert re.search(r"[\u3000-\u9fff]", element.get_text())
        assert not re.search(r"[a-z]{12,}", element.get_text())


@pytest.mark.parametrize("name", BOOK)
def test_a_page_says_what_it_is_to_those_who_link_to_it(name):
    head = soup(name).head
    said = {meta.get("name") or meta.get("property"): meta.get("content") for meta in head.find_all("meta")}
    assert 60 < len(said["description"]) <= 200
    assert said["og:description"] == said["description"]
    assert not re.search(r"[\\{}$]|\.(md|html)\b", said["description"])
    assert (HTML / said["og:image"].removeprefix(URL)).stat().st_size > 5000
    assert head.title.get_text().strip() == head.title.get_text().strip().replace("  ", " ")
    assert [link["href"] for link in head.find_all("link", rel="icon")] == ["_static/favicon.svg"]


def test_titles_and_descriptions_are_each_pages_own():
    titles = [soup(name).title.get_text().strip() for name in PAGES]
    assert len(set(titles)) == len(titles)
    descriptions = [soup(name).find("meta", attrs={"name": "description"})["content"] for name in BOOK]
    assert len(set(descriptions)) == len(descriptions)
    assert not [title for title in titles if re.search(r"\b(the|The|An?) (The|An?)\b|\.md|_", title)]


def test_what_a_host_of_pages_needs_is_there():
    assert (HTML / ".nojekyll").exists()
    assert "404.html" in {path.name for path in HTML.iterdir()}
    mapped = re.findall(r"<loc>([^<]*)</loc>", (HTML / "sitemap.xml").read_text("utf8"))
    pages = [page.removeprefix(URL).removesuffix(".html") or "index" for page in mapped]
    assert sorted(pages) == sorted(BOOK)
    assert "Allow: /" in (HTML / "robots.txt").read_text("utf8")


# --- weight


def weight(path):
    """Bytes that go over the line: fonts and bitmaps are compressed already."""
    data = path.read_bytes()
    return len(data) if path.suffix in {".woff2", ".png"} else len(gzip.compress(data, 9))


@pytest.fixture(scope="module")
def loads(chromium):
    """What the browser asks for when a page is opened and not yet scrolled, as files."""
    context = chromium.new_context(offline=True, viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    asked = []
    tab.on("request", lambda request: asked.append(request.url))

    def of(name):
        asked.clear()
        tab.goto((HTML / f"{name}.html").as_uri(), wait_until="networkidle")
        paths = [
            HTML / re.sub(r"[?#].*", "", url.split("/_build/html/")[1])
            for url in dict.fromkeys(asked)
            if "/_build/html/" in url
        ]
        return {path: weight(path) for path in paths}

    yield of
    context.close()


def test_a_first_visit_and_each_next_page_are_light(loads):
    """First pages weigh at most 350 kB, compressed; a page after the first at most 80 kB."""
    asked = {name: loads(name) for name in BOOK}
    shared = {path for files in asked.values() for path in files if path.parent.name in {"_static", "fonts"}}
    first = {name: sum(files.values()) for name, files in asked.items()}
    following = {
        name: sum(size for path, size in files.items() if path not in shared) for name, files in asked.items()
    }
    assert max(first.values()) <= FIRST, first
    assert max(following.values()) <= NEXT, {k: v for k, v in following.items() if v > NEXT}
    assert min(first.values()) > 50_000  # else the measurement has missed the page


def test_nothing_is_shipped_that_no_page_uses():
    names = {path.relative_to(HTML).as_posix() for path in HTML.rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".map", ".ttf", ".scss"))]
    assert sum((HTML / name).stat().st_size for name in names if name.startswith("_static/")) < 3_000_000


# --- in a browser


PAINTED = (
    "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
)
SHUT_OR_OPEN = "open => { for (const fold of document.querySelectorAll('details')) fold.open = open; }"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_used_by_everybody(chromium, name, scheme):
    """axe-core finds no violation of WCAG 2.1, A and AA, wide and narrow, folds shut and open."""
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(offline=True, color_scheme=scheme, viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.goto((HTML / f"{name}.html").as_uri())
    tab.wait_for_function("!document.querySelector('lr-figure:not(.ready)')")
    told = []
    for width, opened in ((1440, scheme == "dark"), (390, scheme == "light")):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.evaluate(SHUT_OR_OPEN, opened)
        tab.evaluate(PAINTED)
        options = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
        if not opened and name not in {"index", "momentum"}:  # what is seen then is seen with open folds
            options["rules"] = {"color-contrast": {"enabled": False}}
        found = Axe().run(tab, options=options | {"resultTypes": ["violations"], "preload": False})
        told += [
            f"{width}: {v['id']}: {n['html'][:160]} {n['failureSummary'].splitlines()[-1][:160]}"
            for v in found.response["violations"]
            for n in v["nodes"][:3]
        ]
    context.close()
    assert not told, "\n".join(told)


@pytest.fixture(scope="module")
def tab(chromium):
    context = chromium.new_context(
        offline=True, viewport={"width": 1200, "height": 900}, reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


CUT = """() => {
    const out = [], all = what => [...document.querySelectorAll(what)].filter(e => e.getClientRects().length);
    const told = e => e.outerHTML.slice(0, 100), goes = e => e.scrollWidth > e.clientWidth + 2;
    for (const e of all('article *:not(.katex *, pre *, svg *, input)')) {
        const cuts = ['hidden', 'clip'].includes(getComputedStyle(e).overflowX);
        if (cuts && goes(e) && e.clientWidth > 4) out.push(told(e));
    }
    for (const e of all('article pre, article div.math > .formula, .pst-scrollable-table-container'))
        if (goes(e) && e.tabIndex < 0) out.push('cannot be reached: ' + told(e));
    for (const row of all('div.math')) {
        const number = row.querySelector('.eqno')?.getBoundingClientRect();
        if (number && number.left < row.querySelector('.formula').getBoundingClientRect().right - 1)
            out.push('a number over its formula: ' + told(row));
    }
    if (goes(document.documentElement)) out.push('the page is wider than the window');
    return out.slice(0, 5);
}"""


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_and_what_scrolls_can_be_reached(tab, name):
    tab.goto((HTML / f"{name}.html").as_uri())
    tab.wait_for_function("!document.querySelector('lr-figure:not(.ready)')")
    for width in (320, 390, 768, 1440):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.evaluate(SHUT_OR_OPEN, True)
        tab.evaluate(PAINTED)
        assert tab.evaluate(CUT) == [], width


THAT_SCROLLS = """kind => [...document.querySelectorAll(kind)]
    .filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
    .map(e => e.textContent.slice(0, 80))"""


def test_no_code_in_view_and_no_table_is_cut_on_a_wide_window(tab):
    """Examples in the reference apart, which are as wide as the lines of the package."""
    tab.set_viewport_size({"width": 1440, "height": 900})
    for name in BOOK:
        tab.goto((HTML / f"{name}.html").as_uri())
        tab.wait_for_function("!document.querySelector('lr-figure:not(.ready)')")
        tab.evaluate(SHUT_OR_OPEN, False)
        assert tab.evaluate(THAT_SCROLLS, ".pst-scrollable-table-container, .cell_output") == [], name
        if name != "api":
            assert tab.evaluate(THAT_SCROLLS, "div.highlight pre") == [], name


CARDS = """() => [...document.querySelectorAll('table.cards')].map(table => {
    const heads = [...table.querySelectorAll('th')].map(head => head.textContent.trim());
    return [...table.querySelectorAll('td')].filter(cell => cell.checkVisibility()).map(cell => [
        cell.clientWidth / table.clientWidth, getComputedStyle(cell).display, heads[cell.cellIndex],
        getComputedStyle(cell, '::before').content, cell.cellIndex, cell.getAttribute('role')]);
})"""


@pytest.mark.parametrize(
    ("name", "count"),
    [("what-to-use", 2), ("adam", 2), ("momentum", 2), ("race-of-optimizers", 1), ("the-race", 1)],
)
def test_on_a_phone_a_row_of_many_words_is_a_card_and_names_its_columns(tab, name, count):
    """On a wide window it is a row, and one of numbers is always."""
    tab.goto((HTML / f"{name}.html").as_uri())
    for width, shown in ((390, "block"), (1440, "table-cell")):
        tab.set_viewport_size({"width": width, "height": 844})
        tables = tab.evaluate(CARDS)
        assert len(tables) == count
        for share, display, head, before, index, role in (cell for cells in tables for cell in cells):
            assert (display, role) == (shown, "cell")
            assert width == 1440 or share > 0.95
            assert before == (f'"{head}: "' if width == 390 and index else "none")


ON_A_PHONE = """() => {
    document.querySelectorAll('lr-figure').forEach(e => e.classList.remove('live'));  // as without scripts
    return [...document.querySelectorAll('article .cell_output img')].map(e => {
        const source = e.parentNode.querySelector('source');
        return [source.getAttribute('srcset'), e.getBoundingClientRect().width / source.width];
    });
}"""


def test_on_a_phone_figures_have_letters_of_nine_pixels_and_more(tab):
    """Exponents apart, which are seven tenths as high as their base."""
    tab.set_viewport_size({"width": 390, "height": 844})
    seen = 0
    for name in BOOK:
        tab.goto((HTML / f"{name}.html").as_uri())
        tab.evaluate(SHUT_OR_OPEN, True)
        for address, scale in tab.evaluate(ON_A_PHONE):
            sizes = re.findall(r"\) scale\(([\d.]+) -[\d.]+\)", (HTML / address).read_text("utf8"))
            assert min(map(float, sizes), default=1.0) * 100 * 4 / 3 * scale >= 9, address
            seen += len(sizes)
    assert seen > 1000, "labels that were measured"


FILTERS = "kind => [...document.querySelectorAll(kind)].map(e => getComputedStyle(e).filter)"


def test_a_map_keeps_its_colours_on_a_dark_page_and_a_line_drawing_is_turned_round(chromium):
    """A caption that says dark and bright is right on both."""
    context = chromium.new_context(offline=True, color_scheme="dark")
    tab = context.new_page()
    for name, maps in {"momentum": 1, "weight-decay": 1, "race-of-optimizers": 1, "nesterov": 1}.items():
        tab.goto((HTML / f"{name}.html").as_uri())
        assert tab.evaluate(FILTERS, ".cell_output .mapped img") == ["brightness(0.9)"] * maps, name
        assert all("invert(1)" in drawn for drawn in tab.evaluate(FILTERS, "picture:not(.mapped) img"))
    context.close()


LABELS = """() => {
    const area = r => [r.left, r.top, r.right, r.bottom];
    const texts = [...document.querySelectorAll('g[id^=text_]')].filter(g => g.getBoundingClientRect().width)
        .map(g => ({g, box: area(g.getBoundingClientRect()), words: [...g.childNodes]
            .filter(n => n.nodeType == 8).map(n => n.data.trim()).join(' ')}));
    const out = [];
    texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
        const across = Math.min(a.box[2], b.box[2]) - Math.max(a.box[0], b.box[0]);
        const down = Math.min(a.box[3], b.box[3]) - Math.max(a.box[1], b.box[1]);
        if (across > 1 && down > 1) out.push(`${a.words} and ${b.words}`);
    }));
    const inside = ([left, top, right, bottom], x, y) => left <= x && x <= right && top <= y && y <= bottom;
    for (const curve of document.querySelectorAll('g[id^=line2d] > path[clip-path]')) {
        if (/#e4e4e4|#c8c8c8|opacity: 0.1/.test(curve.getAttribute("style"))) continue;  // levels
        const clip = curve.getAttribute('clip-path').match(/url\\((#.*?)\\)/)[1];
        const {x, y, width, height} = document.querySelector(clip + ' rect').getBBox();
        const to = curve.getScreenCTM(), at = (u, v, m) => new DOMPoint(u, v).matrixTransform(m);
        const [low, high] = [at(x, y, to), at(x + width, y + height, to)];
        for (const {g, box, words} of texts.filter(text => !text.g.closest('g[id^="matplotlib.axis"]')))
            for (let i = 1; i < 20; i++) for (let j = 2; j < 9; j++) {
                const u = box[0] + (box[2] - box[0]) * i / 20, v = box[1] + (box[3] - box[1]) * j / 10;
                if (inside([low.x, low.y, high.x, high.y], u, v)
                    && curve.isPointInStroke(at(u, v, to.inverse()))) out.push(`${words} and a curve`);
            }
    }
    return [...new Set(out)];
}"""


def test_labels_in_figures_lie_neither_on_each_other_nor_on_a_curve(tab):
    tab.set_viewport_size({"width": 1000, "height": 1000})
    narrow = sorted((HTML / "_images").glob("*-narrow.svg"))
    assert len(narrow) > 90, "stills of live figures among them"
    told = {}
    for picture in narrow:
        for form in (picture, picture.with_name(picture.name.replace("-narrow", ""))):
            tab.goto(form.as_uri())
            told[form.name] = tab.evaluate(LABELS)
    assert {name: found for name, found in told.items() if found} == {}


FOCUS = """() => {
    const unseen = new Set();
    for (const e of document.querySelectorAll('a[href], button, input, summary, [tabindex="0"]')) {
        if (!e.getClientRects().length || getComputedStyle(e).visibility == 'hidden') continue;
        e.focus({focusVisible: true, preventScroll: true});
        const style = getComputedStyle(e);
        const line = style.outlineStyle != 'none' && parseFloat(style.outlineWidth) >= 2;
        const seen = line || style.boxShadow != 'none';
        if (document.activeElement == e && !seen) unseen.add(e.outerHTML.slice(0, 120));
    }
    return [...unseen].slice(0, 5);
}"""


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("name", ["index", "momentum", "api", "search"])
def test_where_the_focus_is_can_be_seen(tab, name, width):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto((HTML / f"{name}.html").as_uri())
    assert tab.evaluate(FOCUS) == []


# --- search


def search(tab, words):
    tab.goto((HTML / "search.html").as_uri() + "?q=" + words.replace(" ", "+"))
    tab.wait_for_selector("#search-results p")
    return tab.evaluate(
        """() => [...document.querySelectorAll('#search-results li')].map(item => ({
            page: item.querySelector('a').getAttribute('href').replace('.html', ''),
            hits: [...item.querySelectorAll('p a')].map(a => [a.getAttribute('href'), a.textContent])}))"""
    )


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("warm restart", "polynomial-decay"),
        ("Nesterov", "nesterov"),
        ("momentum", "momentum"),
        ("bias correction", "adam"),
        ("weight decay", "weight-decay"),
        ("staircase", "exponential-decay"),
        ("half-life", "exponential-decay"),
        ("Adagrad", "adagrad"),
        ("Adadelta", "rmsprop-and-adadelta"),
    ],
)
def test_the_chapter_comes_before_the_reference(tab, words, page):
    assert search(tab, words)[0]["page"] == page


@pytest.mark.parametrize(
    "words", ["edge of stability", "Robbins Monro", "condition number", "learning rate", "noise"]
)
def test_a_chapter_comes_first_where_several_speak_of_it(tab, words):
    first = search(tab, words)[0]["page"]
    assert soup(first).select("details.solution"), first


def test_a_hit_shows_its_sentence_and_opens_at_it(tab):
    for hit in search(tab, "circle of three points")[:2]:
        for address, sentence in hit["hits"][:1]:
            assert "circle" in sentence
            assert len(sentence) < 270
            tab.goto((HTML / address).as_uri().replace("%23", "#"))
            place = re.search(r"#([^:]+):~:text=", address)[1]
            assert tab.locator(f"[id='{place}']").count() == 1


def test_a_search_without_words_or_without_hits_says_so(tab):
    assert search(tab, "") == []
    assert tab.locator("#search-results p").inner_text() == "Type a word, or several."
    assert search(tab, "xylophone momentum") == []
    assert tab.locator("#search-results p").inner_text().startswith("No page has all these words.")


def test_chinese_is_found(tab):
    assert {hit["page"] for hit in search(tab, "权重衰减")} >= {"glossary"}


def test_every_place_that_the_search_may_open_is_on_its_page():
    text = (HTML / "_static" / "texts.js").read_text("utf8")
    pages = json.loads(text.removeprefix("const TEXTS = ").rstrip(";\n"))
    assert sorted(page["page"] for page in pages) == sorted(BOOK)
    for page in pages:
        ids = {element["id"] for element in soup(page["page"]).find_all(id=True)}
        assert {anchor for anchor, _ in page["texts"]} - {""} <= ids, page["page"]


# --- folds


@pytest.mark.parametrize("name", BOOK)
def test_a_fold_says_what_is_in_it_and_stands_below_what_it_makes(name):
    page = soup(name)
    for fold in page.select("div.cell > details.hide"):
        label = fold.select_one("p.collapsed").get_text()
        made = fold.find_previous_sibling("div", class_="cell_output")
        assert fold.find_next_sibling("div", class_="cell_output") is None, label
        pictured, listed = (bool(made and made.select_one(what)) for what in ("img", "table"))
        assert (label == "How the figure is made") <= pictured, label
        assert (label == "How the table is made") <= listed, label
        assert (label == "What this page imports") <= (made is None and "import" in fold.pre.get_text()), (
            label
        )
        assert (label == "How this is made") <= (made is not None and not pictured and not listed), label


# --- paper


PRINTED = """() => {
    const out = new Set();
    const all = what => [...document.querySelectorAll(what)].filter(e => e.getClientRects().length);
    const paper = document.querySelector('article').getBoundingClientRect().right;
    for (const e of all('article pre, article table, article img, article p, article .katex-display')) {
        const cut = e.getBoundingClientRect().right > paper + 2 || e.scrollWidth > e.clientWidth + 3;
        if (cut) out.add('cut: ' + e.outerHTML.slice(0, 140));
        const [red, green, blue] = getComputedStyle(e).color.match(/[0-9]+/g).map(Number);
        if (e.matches('p, pre') && red + green + blue > 330) out.add('pale: ' + e.outerHTML.slice(0, 80));
        if (e.matches('img') && getComputedStyle(e).filter != 'none') out.add('a dark picture');
    }
    for (const e of document.querySelectorAll('details.solution > *'))
        if (e.getBoundingClientRect().height < 1) out.add('a solution is shut');
    return [...out].slice(0, 6);
}"""


@pytest.mark.parametrize("name", BOOK)
def test_a_printed_page_is_light_and_whole(chromium, name):
    context = chromium.new_context(offline=True, color_scheme="dark", viewport={"width": 680, "height": 900})
    tab = context.new_page()
    tab.goto((HTML / f"{name}.html").as_uri())
    tab.emulate_media(media="print", color_scheme="dark")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    told = tab.evaluate(PRINTED)
    context.close()
    assert told == []
