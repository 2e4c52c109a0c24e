"""The whole book on paper and in a reader, made of the built pages: `python book/paper.py pdf`, or `epub`.

The PDF is what Chromium prints, with an outline, page numbers and links within the book. The EPUB has the
formulas as MathML. Both are for `make`, after `make book`; neither belongs to the two commands.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
import uuid
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
TITLE, AUTHORS = "The Learning Rate Book", "The Learning Rate Book contributors"
# what only a screen can use
LEFT_OUT = ".headerlink, .toctree-wrapper, noscript, script, button, details.hide, .live-box"
OUTSIDE = re.compile(r"^(?:[a-z]+:|//)")


def parts() -> list[tuple[str, list[str]]]:
    """Give the parts of the book, each with its pages; the first has the first page and no name."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    listed = [(part["caption"], [chapter["file"] for chapter in part["chapters"]]) for part in toc["parts"]]
    return [("", [toc["root"]]), *listed]


def article(page: str) -> Tag:
    """Read the text of a page, without what only a screen can use."""
    found = BeautifulSoup((BUILT / f"{page}.html").read_text("utf8"), "html.parser").article
    for element in found.select(LEFT_OUT):
        element.decompose()
    for figure in found.find_all("lr-figure"):
        figure.unwrap()
    for element in found.find_all(True):
        if element.name == "details":
            element["open"] = "open"
        for name in ("loading", "tabindex", "data-target", "data-mime-type"):
            element.attrs.pop(name, None)
    return found


def heading(found: Tag) -> str:
    return found.h1.get_text().strip()


def linked(found: Tag, page: str, pages: set[str], to: str) -> None:
    """Make each link lead to a place in the whole, and give places names that are used once there."""
    for element in found.find_all(id=True):
        element["id"] = f"{page}--{element['id']}"
    for link in found.find_all("a", href=True):
        if OUTSIDE.match(link["href"]):
            continue
        file, _, place = link["href"].partition("#")
        name = file.removesuffix(".html") or page
        if name in pages:
            link["href"] = to.format(name) + (f"#{name}--{place}" if place else f"#{name}")
        else:  # the index, a notebook: not here
            link.name, link.attrs = "span", {}


def one_document() -> str:
    """Put all pages into one, with a title and a table of contents."""
    pages = {page for _, names in parts() for page in names}
    body, contents = [], []
    for caption, names in parts():
        contents.append(f"<h2>{html.escape(caption)}</h2><ol>" if caption else "<ol>")
        for page in names:
            found = article(page)
            contents.append(f'<li><a href="#{page}">{html.escape(heading(found))}</a></li>')
            linked(found, page, pages, "")
            body.append(f'<section class="page" id="{page}">{found}</section>')
        contents.append("</ol>")
    return (
        f'<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{TITLE}'
        '</title><link rel="stylesheet" href="_static/book.css"></head>'
        f'<body class="whole"><section class="cover"><p class="title">{TITLE}</p>'
        "<p>Which schedule, and why?</p></section>"
        f'<nav class="contents"><h1>Contents</h1>{"".join(contents)}</nav>{"".join(body)}</body></html>'
    )


def pdf(target: Path) -> None:
    """Print the whole book."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(ROOT / "tests"))
    import browser

    path = browser.find()
    if path is None:
        raise SystemExit("A PDF needs Chromium. On Debian or Ubuntu: apt-get install chromium fonts-noto-cjk")
    whole = BUILT / ".whole.html"  # among the pages, so that its pictures and styles are found
    whole.write_text(one_document(), "utf8")
    try:
        with sync_playwright() as playwright:
            running = playwright.chromium.launch(executable_path=path, args=browser.ARGUMENTS)
            tab = running.new_page()
            tab.set_default_timeout(600_000)
            tab.goto(whole.as_uri(), wait_until="load")
            small = "font: 8px sans-serif; color: #555; width: 100%; text-align: center"
            tab.pdf(
                path=target,
                format="A4",
                margin={"top": "18mm", "bottom": "18mm", "left": "18mm", "right": "18mm"},
                print_background=True,
                outline=True,
                tagged=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=f'<div style="{small}"><span class="pageNumber"></span></div>',
            )
            running.close()
    finally:
        whole.unlink()


STYLE = """
body { line-height: 1.5; }
pre { white-space: pre-wrap; font-size: 0.8em; }
img { max-width: 100%; }
table { border-collapse: collapse; font-size: 0.9em; }
th, td { border-bottom: 1px solid #888; padding: 0.2em 0.4em; text-align: left; }
figcaption, .eqno { font-size: 0.9em; }
.eqno { float: right; }
div.admonition, details { border-left: 3px solid #888; padding-left: 0.8em; }
"""


PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head><title>{title}</title><link rel="stylesheet" type="text/css" href="style.css"/></head>
<body>{body}</body>
</html>
"""
PACKAGE = """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{name}</dc:identifier>
<dc:title>{title}</dc:title><dc:creator>{authors}</dc:creator><dc:language>en</dc:language>
<meta property="dcterms:modified">{now}</meta>
</metadata>
<manifest>{manifest}</manifest>
<spine>{spine}</spine>
</package>
"""
CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""
KINDS = {"xhtml": "application/xhtml+xml", "svg": "image/svg+xml", "png": "image/png", "css": "text/css"}


def epub(target: Path) -> None:
    """Write the book for a reader: EPUB 3, formulas as MathML, figures as SVG."""
    pages = {page for _, names in parts() for page in names}
    files: dict[str, bytes] = {}
    points = []
    for caption, names in parts():
        items = []
        for page in names:
            found = article(page)
            linked(found, page, pages, "{}.xhtml")
            found["id"] = page
            for picture in found.find_all("img"):
                source = BUILT / picture["src"]
                picture["src"] = f"img-{source.name}"
                files[picture["src"]] = drawn(source.read_text("utf8")).encode()
            tidy(found)
            title = html.escape(heading(found))
            files[f"{page}.xhtml"] = PAGE.format(title=title, body=found.decode(formatter="minimal")).encode()
            items.append(f'<li><a href="{page}.xhtml">{title}</a></li>')
        inside = "".join(items)
        points.append(f"<li><span>{html.escape(caption)}</span><ol>{inside}</ol></li>" if caption else inside)
    contents = f'<nav epub:type="toc" id="toc"><h1>Contents</h1><ol>{"".join(points)}</ol></nav>'
    files["nav.xhtml"] = PAGE.format(title="Contents", body=contents).encode()
    files["style.css"] = STYLE.encode()
    write_epub(target, files, [f"{page}.xhtml" for _, names in parts() for page in names])


def drawn(svg: str) -> str:
    """Take out of a picture what EPUB does not allow: a document type, and a shape without a shape."""
    svg = re.sub(r"<!DOCTYPE[^>]*>", "", svg)
    return re.sub(r"<path (?![^>]*\bd=)", '<path d="M0 0" ', svg)


def tidy(found: Tag) -> None:
    """Take out what HTML allows and EPUB does not, and formulas that are set in letters."""
    for element in found.select(".katex-html, annotation, colgroup, picture > source"):
        element.decompose()
    for element in found.find_all(True):
        shape = {"border", "align", "width", "height"} if element.name != "img" else set()
        for name in [name for name in element.attrs if name in shape or name.startswith("data-")]:
            del element[name]
    for space in found.find_all(columnspacing=""):
        del space["columnspacing"]
    for formula in found.find_all("math"):
        formula["xmlns"] = "http://www.w3.org/1998/Math/MathML"


def write_epub(target: Path, files: dict[str, bytes], order: list[str]) -> None:
    """Pack the files; those in `order` are the text."""
    manifest = ""
    for i, (name, data) in enumerate(files.items()):
        marks = ["nav"] if name == "nav.xhtml" else ["mathml"] if b"<math" in data else []
        properties = f' properties="{marks[0]}"' if marks else ""
        kind = KINDS[name.rsplit(".", 1)[-1]]
        manifest += f'<item id="f{i}" href="{name}" media-type="{kind}"{properties}/>\n'
    places = {name: i for i, name in enumerate(files)}
    spine = "".join(f'<itemref idref="f{places[name]}"/>\n' for name in order)
    package = PACKAGE.format(
        name=uuid.uuid5(uuid.NAMESPACE_URL, TITLE),
        title=TITLE,
        authors=AUTHORS,
        now=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        manifest=manifest,
        spine=spine,
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip")  # first, and not compressed
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("book/package.opf", package)
        for name, data in files.items():
            archive.writestr(f"book/{name}", data)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Make the book for paper or for a reader, of the built pages."
    )
    parser.add_argument("kind", choices=("pdf", "epub"))
    kind = parser.parse_args().kind
    if not (BUILT / "index.html").is_file():
        raise SystemExit("There is no book in _build/html: run `make book` first.")
    target = ROOT / "_build" / f"the-learning-rate-book.{kind}"
    {"pdf": pdf, "epub": epub}[kind](target)
    print(f"The book is written: {target}")


if __name__ == "__main__":
    main()
