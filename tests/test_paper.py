"""The whole book as a PDF and as an EPUB."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import browser
import pypdf
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book"))
import paper  # noqa: E402

NAMES = [page for _, names in paper.parts() for page in names]

pytestmark = pytest.mark.book


@pytest.fixture(scope="module")
def epub(tmp_path_factory):
    target = tmp_path_factory.mktemp("paper") / "book.epub"
    paper.epub(target)
    with zipfile.ZipFile(target) as archive:
        return target, {name: archive.read(name) for name in archive.namelist()}


def test_the_first_file_of_an_epub_says_what_it_is(epub):
    target, files = epub
    with zipfile.ZipFile(target) as archive:
        first = archive.infolist()[0]
    assert (first.filename, first.compress_type, first.extra) == ("mimetype", zipfile.ZIP_STORED, b"")
    assert files["mimetype"] == b"application/epub+zip"


def test_an_epub_has_every_page_figure_and_formula_and_its_links_lead_somewhere(epub):
    _, files = epub
    pages = {
        name[5:]: ElementTree.fromstring(data) for name, data in files.items() if name.endswith(".xhtml")
    }
    assert set(pages) == {f"{name}.xhtml" for name in NAMES} | {"nav.xhtml"}
    ids = {name: [e.get("id") for e in tree.iter() if e.get("id")] for name, tree in pages.items()}
    for name, tree in pages.items():
        assert len(set(ids[name])) == len(ids[name])
        for element in tree.iter():
            kind = element.tag.split("}")[1]
            if kind == "img":
                assert f"book/{element.get('src')}" in files
                assert len(element.get("alt")) > 20
            elif kind == "a" and element.get("href") and ":" not in element.get("href"):
                file, _, place = element.get("href").partition("#")
                assert not place or place in ids[file or name], element.get("href")
    for name in NAMES:
        built = (paper.BUILT / f"{name}.html").read_text("utf8")
        article = built[built.index("<article") : built.index("</article>")]
        hidden = "".join(re.findall(r'<details class="admonition hide.*?</details>', article, re.DOTALL))
        made = files[f"book/{name}.xhtml"].decode()
        for tag in ("<img", "<math"):
            assert made.count(tag) == article.count(tag) - hidden.count(tag), (name, tag)
        assert "katex-html" not in made


def test_epubcheck_accepts_the_epub(epub):
    program = shutil.which("epubcheck")
    if program is None:
        pytest.skip("no epubcheck was found (Debian, Ubuntu: apt-get install epubcheck)")
    path = Path(program).resolve()  # Debian's is an archive for Java, which not every kernel starts by itself
    command = ["java", "-jar", path] if path.suffix == ".jar" else [path]
    run = subprocess.run([*command, epub[0]], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, "\n".join((run.stdout + run.stderr).splitlines()[:40])


@pytest.fixture(scope="module")
def pdf(tmp_path_factory):
    if browser.find() is None:
        pytest.skip(browser.MISSING)
    target = tmp_path_factory.mktemp("paper") / "book.pdf"
    paper.pdf(target)
    return pypdf.PdfReader(target)


def letters(title):
    """Chromium's outline loses the space where a heading breaks, and says Chinese twice."""
    return re.sub(r"[\s\u3400-\u9fff]+", "", title)


def test_a_pdf_has_an_outline_of_all_pages_in_their_order(pdf):
    titles = [letters(entry.title) for entry in pdf.outline if not isinstance(entry, list)]
    wanted = [letters(paper.heading(paper.article(name))) for name in NAMES]
    assert [title for title in titles if title in wanted] == wanted
    places = [pdf.get_destination_page_number(e) for e in pdf.outline if not isinstance(e, list)]
    assert places == sorted(places)
    assert len(pdf.pages) > 150


def test_the_pages_of_a_pdf_are_numbered_and_none_is_empty(pdf):
    empty = []
    for number, page in enumerate(pdf.pages, 1):
        text = page.extract_text()
        assert re.search(rf"(^|\s){number}(\s|$)", text), f"page {number} has no number"
        if len(text.strip()) < 20 and number > 1 and "/XObject" not in page["/Resources"]:
            empty.append(number)
    assert not empty


def test_the_links_of_a_pdf_lead_to_places_in_it_or_to_the_net(pdf):
    inside = outside = 0
    for page in pdf.pages:
        for link in page.get("/Annots") or []:
            target = link.get_object()
            if "/Dest" in target:
                assert str(target["/Dest"]) in pdf.named_destinations or isinstance(target["/Dest"], list)
                inside += 1
            else:
                address = target["/A"]["/URI"]
                assert re.match(r"https?://", address), address
                outside += 1
    assert inside > 500
    assert outside > 50
