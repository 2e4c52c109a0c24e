"""Each page that runs code as a notebook: the cells that were run, and the page's text, written out.

It asks for `lrbook` alone and reads as text anywhere, so it is offered for download in the page's header,
beside the package as a wheel. What the page folds is folded in JupyterLab, what it leaves out is folded too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from as_markdown import Writer
from docutils import nodes
from pybtex_docutils import Backend
from sphinx.application import Sphinx

from lrbook.plots import one_window

ROOT = Path(__file__).parents[2]
FIRST = """\
# This notebook needs the package of the book, and nothing else of it.
try:
    import lrbook
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "lrbook is not installed. Its wheel is beside this notebook, where you found it. Type in a terminal: "
        "pip install 'lrbook-{version}-py3-none-any.whl[symbols,plots]'"
    ) from missing"""


class NotebookWriter(Writer):
    """Writes a page into cells: what was run comes from the executed notebook, in its order."""

    def __init__(self, app: Sphinx, pagename: str, executed: nbformat.NotebookNode) -> None:
        super().__init__(set(executed_pages(app)))
        self.app, self.pagename, self.executed = app, pagename, executed
        self.cells: list[nbformat.NotebookNode] = [code(FIRST.format(version=version()), "needs")]
        self.done = 0  # how many cells of the executed notebook are written
        self.cited: dict[str, None] = {}

    def flush(self, **metadata) -> None:
        """Make a cell of the text so far."""
        if text := self.take():
            cell = nbformat.v4.new_markdown_cell(text, id=f"text-{len(self.cells)}")
            cell.metadata.update(metadata)
            self.cells.append(cell)

    def add_code(self, node: nodes.container) -> None:
        """Add the cells up to this one, and its captions below it."""
        self.flush()
        self.add_until(node["cell_index"] + 1)
        for figure in node.findall(nodes.figure):
            caption = figure.next_node(nodes.caption)
            self.put(f"**Fig. {self.number('figure', figure)}.** {self.words(caption)}")
            for legend in figure.findall(nodes.legend):
                self.put(self.aside(legend))

    def number(self, kind: str, node: nodes.Element) -> str:
        """Give the number that the page gives a figure, an equation or an exercise."""
        return ".".join(map(str, self.app.env.toc_fignumbers[self.pagename][kind][node["ids"][0]]))

    def add_until(self, end: int) -> None:
        for index in range(self.done, end):
            cell = self.executed.cells[index]
            if cell.cell_type == "code":
                self.cells.append(folded(cell, f"code-{index}"))
        self.done = max(self.done, end)

    def put_exercise_enumerable_node(self, node) -> None:
        self.flush()
        title = self.words(node.next_node(nodes.title)).strip()
        self.put(f"{'#' * (self.depth + 1)} Exercise {self.number('exercise', node)} {title}")
        self.inside(node)

    def put_solution_node(self, node) -> None:
        """Write a solution below a heading that is shut: JupyterLab hides what is under it."""
        self.flush()
        title = node.next_node(nodes.title)
        self.put(f"{'#' * (self.depth + 2)} {self.words(title)}")
        self.flush(**{"jp-MarkdownHeadingCollapsed": True})
        self.inside(node)

    def inside(self, node) -> None:
        """Write the children of a node but its title."""
        for child in node.children:
            if not isinstance(child, nodes.title):
                self.block(child)

    def reference(self, node) -> str:
        name, _, key = node.get("refuri", "").partition("#")
        if name == "bibliography.html" and key:
            self.cited[key] = None
        return super().reference(node)

    def notebook(self, doctree: nodes.document) -> nbformat.NotebookNode:
        self.block(doctree)
        self.flush()
        self.add_until(len(self.executed.cells))
        sources = {citation.citation_id: citation for citation in self.app.env.get_domain("cite").citations}
        entries = [Backend().paragraph(sources[name].formatted_entry) for name in self.cited]
        if entries:
            self.put("## References")
            self.put("\n".join(f"- {self.words(entry)}" for entry in entries))
            self.flush()
        kept = {key: self.executed.metadata[key] for key in ("kernelspec", "language_info")}
        return nbformat.v4.new_notebook(cells=self.cells, metadata=kept)


def code(source: str, name: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, id=name, execution_count=None)


def folded(cell: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Copy a cell, in JupyterLab as open or shut as on the page."""
    copy = nbformat.v4.new_code_cell(
        cell.source, id=name, outputs=cell.outputs, execution_count=cell.execution_count
    )
    for made in copy.outputs:
        if picture := made.get("data", {}).get("image/svg+xml"):
            made["data"]["image/svg+xml"] = one_window(picture)
    if tags := cell.metadata.get("tags", []):
        copy.metadata["tags"] = tags
    if {"hide-input", "remove-input", "remove-cell"} & set(tags):
        copy.metadata["jupyter"] = {"source_hidden": True}
    return copy


def executed_pages(app: Sphinx) -> list[str]:
    return sorted(path.stem for path in (Path(app.outdir).parent / "jupyter_execute").glob("*.ipynb"))


def version() -> str:
    return re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf8"), re.M)[1]


def offer(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Write the notebook beside the pages and add the button that downloads it."""
    source = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    if app.builder.name != "html" or doctree is None or not source.is_file():
        return
    writer = NotebookWriter(app, pagename, nbformat.read(source, 4))
    target = Path(app.outdir) / "notebooks" / f"{pagename}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(writer.notebook(doctree), target)
    context.setdefault("header_buttons", []).insert(
        0,
        {
            "type": "link",
            "url": context["pathto"](f"notebooks/{pagename}.ipynb", resource=1),
            "text": "Notebook",
            "tooltip": "Download this page as an executed notebook",
            "icon": "fas fa-download",
            "label": "download-notebook-button",
        },
    )


def pack(app: Sphinx, exception: Exception | None) -> None:
    """Put the package beside the notebooks, as a wheel."""
    if exception is not None or app.builder.name != "html":
        return
    with tempfile.TemporaryDirectory() as copy:  # else an older build's files might go in
        shutil.copytree(ROOT / "lrbook", Path(copy) / "lrbook", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, "--wheel-dir", copy, copy], check=True)
        (wheel,) = Path(copy).glob("*.whl")
        for folder in ("notebooks", "practice"):
            (Path(app.outdir) / folder).mkdir(exist_ok=True)
            for old in (Path(app.outdir) / folder).glob("*.whl"):
                old.unlink()
            shutil.copy(wheel, Path(app.outdir) / folder)


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", offer, priority=600)
    app.connect("build-finished", pack)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
