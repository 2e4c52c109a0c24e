"""One stylesheet, one script and small fonts for all pages, made of what the themes bring.

A page loads twenty files of the themes, most of which it does not use. Here the rules that name a class
no page has are left out, fonts keep the characters that occur, and what is left is one `book.css` and one
`book.js`. Figures have their size in the page, so that nothing moves when they arrive, and are asked for
when they are near; a phone gets them in the form that `lrbook.plots` drew for it.
"""

from __future__ import annotations

import base64
import html
import re
import shutil
from functools import cache
from pathlib import Path

import tinycss2
from fontTools import subset
from sphinx.application import Sphinx

from lrbook.plots import NARROW_FORM, one_window

STYLES = (
    "styles/theme.css",
    "styles/bootstrap.css",
    "styles/pydata-sphinx-theme.css",
    "vendor/fontawesome/*/css/all.min.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "copybutton.css",
    "mystnb.*.css",
    "exercise.css",
    "katex/katex.min.css",
    "custom.css",
)
SCRIPTS = (
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "scripts/sphinx-book-theme.js",
    "scripts/bootstrap.js",
    "scripts/pydata-sphinx-theme.js",
    "page.js",
)
KEPT = {
    "book.css",
    "book.js",
    "live.js",
    "search.js",
    "texts.js",
    "favicon.svg",
    "card.png",
    "fonts",
    "katex",
}
# what the scripts of the themes put on a page when something is done
LATER = {
    "whole",
    "page",
    "cover",
    "contents",
    "title",
    "search",
    "show",
    "fade",
    "tooltip",
    "collapsing",
    "copybtn",
    "success",
    "active",
    "scrolls",
    "highlighted",
}
AT_ONCE = {"KaTeX_Main-Regular.woff2", "KaTeX_Math-Italic.woff2"}
DOUBLE = re.compile(r'class="[^"]*\b(?:mathbb|amsrm)\b[^"]*"[^>]*>([^<]+)<')
IMAGE = re.compile(r'<img (?![^>]*loading=)([^>]*?)src="(_images/[^"]+\.svg)"([^>]*?)/?>', re.DOTALL)
SIZE = re.compile(
    r'<svg[^>]*?\bwidth="([\d.]+)pt"[^>]*?height="([\d.]+)pt"|<svg[^>]*?height="([\d.]+)pt"[^>]*?width="([\d.]+)pt"',
    re.DOTALL,
)
PLACES = re.compile(r'(?:\b(?:d|x|y)="[^"]*"|translate\([^)]*\))')
PHONE = "screen and (max-width: 600px)"
STACKED = re.compile(r'<picture class="stacked.*?</figcaption>', re.DOTALL)
LONG = re.compile(r"\d+\.\d{2,}")
# names, signs and spaces in code have the colour of all code: they need no mark
UNMARKED = re.compile(r'<span class="[npw]">([^<]*)</span>')


def one(static: Path, pattern: str) -> Path:
    """Find the one file of this name."""
    (path,) = static.glob(pattern)
    return path


def stylesheet(path: Path) -> str:
    """Read a stylesheet with those that it imports, and addresses as from the folder of the result."""

    def imported(match: re.Match[str]) -> str:
        return stylesheet(path.parent / match[1])

    def moved(match: re.Match[str]) -> str:
        address = match[1].strip("'\"")
        if address.startswith(("data:", "#")):
            return match[0]
        return f"url(fonts/{address.split('/')[-1].split('?')[0]})"

    text = re.sub(r"url\(([^)]+)\)", moved, path.read_text("utf8"))
    return re.sub(r"@import (?:url\()?[\"']?(?:fonts/)?([\w./-]+\.css)[\"']?\)?;", imported, text)


def pruned(rules: list, used: set[str]) -> str:
    """Write the rules whose classes and names occur."""
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = [
                s for s in parts(rule.prelude) if set(re.findall(r"[.#]([A-Za-z_][\w-]*)", bare(s))) <= used
            ]
            if selectors:
                kept.append(",".join(selectors) + "{" + squeezed(rule.content) + "}")
        elif rule.type == "at-rule" and rule.at_keyword in {"media", "supports"}:
            inner = pruned(tinycss2.parse_rule_list(rule.content, True, True), used)
            if inner:
                kept.append(f"@{rule.at_keyword} {tinycss2.serialize(rule.prelude).strip()}{{{inner}}}")
        elif rule.type == "at-rule" and rule.at_keyword == "font-face":
            text = squeezed(rule.content)
            if "katex" in text.lower() or "fa-solid-900.woff2" in text:
                text = re.sub(r",url\([^)]*\.(?:woff|ttf)\) ?format\([^)]*\)", "", text)
                kept.append(f"@font-face{{{text}}}")
        elif rule.type == "at-rule" and rule.at_keyword != "charset":
            kept.append(rule.serialize())
    return "\n".join(kept)


def parts(prelude: list) -> list[str]:
    """Take a list of selectors apart, at the commas outside of brackets."""
    found = [[]]
    for token in prelude:
        if token == ",":
            found.append([])
        else:
            found[-1].append(token)
    return [tinycss2.serialize(tokens).strip() for tokens in found]


def bare(selector: str) -> str:
    """Leave out what a selector asks not to be, and the values of attributes."""
    selector = re.sub(r"\[[^\]]*\]", "", selector)
    return re.sub(r":(?:not|is|where|has)\([^()]*(?:\([^()]*\)[^()]*)*\)", "", selector)


def squeezed(tokens: list) -> str:
    text = re.sub(r"/\*.*?\*/", "", tinycss2.serialize(tokens), flags=re.DOTALL)
    return re.sub(r"\s+", " ", text).strip().replace(", url(", ",url(")


@cache
def shape(path: Path) -> tuple[int, int]:
    """The width and height of a picture, in CSS pixels."""
    found = SIZE.search(path.read_text("utf8"))
    if found is None:
        raise ValueError(f"{path.name} must have a width and a height in points")
    width, height = (found[1], found[2]) if found[1] else (found[4], found[3])
    return round(float(width) * 4 / 3), round(float(height) * 4 / 3)


def sized(text: str, folder: Path) -> str:
    """Give each picture of a page its size and its form for a phone, and ask for it when it is near."""

    def size(picture: Path) -> str:
        return 'width="{}" height="{}"'.format(*shape(picture))

    def tag(match: re.Match[str]) -> str:
        before, after = (re.sub(r'\b(?:width|height)="[^"]*" ?', "", match[i]) for i in (1, 3))
        address, narrow = match[2], folder / beside(match[2])
        img = f'<img {before}src="{address}"{after} {size(folder / address)} loading="lazy" />'
        if not narrow.exists():
            return img
        source = f'<source media="{PHONE}" srcset="{beside(address)}" {size(narrow)} />'
        kinds = []
        if shape(narrow)[1] > 1.5 * shape(folder / address)[1]:
            kinds.append("stacked")
        if "<image" in narrow.read_text("utf8"):
            kinds.append("mapped")  # its colours mean something, dark and bright
        return f'<picture class="{" ".join(kinds)}">{source}{img}</picture>'

    def sided(match: re.Match[str]) -> str:
        """Only a caption that speaks of sides has to say where they are when panels are stacked."""
        speaks = re.search(r"(?i)\b(?:left|right)\b", re.sub("<[^>]*>", "", match[0]))
        return match[0] if speaks else match[0].replace("stacked", "", 1)

    return STACKED.sub(sided, IMAGE.sub(tag, text))


def beside(address: str) -> str:
    """Name the form of a picture for a phone."""
    return address.removesuffix(".svg") + "-narrow.svg"


def split(picture: Path) -> None:
    """Write the form for a phone that a picture brings as a file of its own, and both with few digits."""
    text = picture.read_text("utf8")
    if found := NARROW_FORM.search(text):
        Path(beside(str(picture))).write_text(rounded(html.unescape(found[1])), "utf8")
    if (small := rounded(one_window(text))) != text:
        picture.write_text(small, "utf8")


def rounded(text: str) -> str:
    """Round the coordinates of a picture to a hundredth of a point, or a tenth in a curve of many points."""

    def short(place: re.Match[str]) -> str:
        digits = 1 if len(place[0]) > 1500 else 2
        return LONG.sub(lambda n: f"{float(n[0]):.{digits}f}".rstrip("0").rstrip("."), place[0])

    return PLACES.sub(short, text)


def small_font(source: Path, target: Path, characters: set[str]) -> None:
    """Write a font with these characters alone."""
    options = subset.Options(flavor="woff2", layout_features=[], hinting=False, drop_tables=["FFTM"])
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=map(ord, characters))
    subsetter.subset(font)
    subset.save_font(font, target, options)


def make_lean(app: Sphinx, exception: Exception | None) -> None:
    """Make the files that all pages share, of those that no page needs any more."""
    if exception is not None or app.builder.name != "html":
        return
    out, static = Path(app.outdir), Path(app.outdir) / "_static"
    if not (static / "styles").is_dir():  # nothing was written, so nothing is to be done
        return
    for picture in list((out / "_images").glob("*.svg")):
        split(picture)
    pages = {}
    for page in out.rglob("*.html"):
        if "_static" not in page.parts:
            text = page.read_text("utf8")
            pages[page] = UNMARKED.sub(r"\1", sized(text, out))
            if pages[page] != text:
                page.write_text(pages[page], "utf8")
    script = "\n;".join(one(static, name).read_text("utf8") for name in SCRIPTS)
    script = re.sub(r"^//# sourceMappingURL=.*$", "", script, flags=re.MULTILINE)
    (static / "book.js").write_text(script, "utf8")

    names = {
        n
        for text in pages.values()
        for quoted in re.findall(r'(?:class|id)="([^"]*)"', text)
        for n in quoted.split()
    }
    names |= {word for name in ("live.js", "search.js") for word in words(static / name)}
    names |= {
        word
        for name in SCRIPTS
        if "bootstrap" not in name and "clip" not in name
        for word in words(one(static, name))
    }
    style = "\n".join(stylesheet(one(static, name)) for name in STYLES)
    style = pruned(tinycss2.parse_stylesheet(style, True, True), names | LATER)
    characters = {c for text in pages.values() for c in text} | set(map(chr, range(32, 127)))
    double = {c for text in pages.values() for found in DOUBLE.findall(text) for c in found}
    icons = {character for character in style if "\ue000" <= character <= "\uf8ff"}
    (static / "fonts").mkdir(exist_ok=True)
    small_font(
        one(static, "vendor/fontawesome/*/webfonts/fa-solid-900.woff2"),
        static / "fonts" / "fa-solid-900.woff2",
        icons,
    )
    for font in sorted((static / "katex" / "fonts").glob("*.woff2")):
        small = static / "fonts" / font.name
        small_font(font, small, double if "AMS" in font.name else characters)
        if font.name in AT_ONCE:  # a formula whose font comes late moves the lines after it
            data = base64.b64encode(small.read_bytes()).decode()
            style = style.replace(f"url(fonts/{font.name})", f"url(data:font/woff2;base64,{data})")
            small.unlink()
    (static / "book.css").write_text(style, "utf8")
    for path in static.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(static / "katex" / "fonts")
    (static / "katex" / "katex.min.css").unlink()


def words(path: Path) -> set[str]:
    return set(re.findall(r"[A-Za-z_][\w-]*", path.read_text("utf8")))


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", make_lean, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
