"""For each chapter a notebook of its exercises without their solutions, made from the chapter itself.

What the reader's own solution may use, the chapter's names, comes from the chapter's cells, cut down to the
statements it takes. The checks are cut out in the same way and come sealed: see `lrbook.practice`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from docutils import nodes
from notebooks import FIRST, NotebookWriter, code, version
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lrbook.practice import seal

GRADED = {  # what nbgrader wants to know of a check; to the cell of an answer it would put a text of its own
    "cell_type": "code",
    "grade": True,
    "locked": True,
    "points": 1,
    "schema_version": 3,
    "solution": False,
    "task": False,
}
IMPORTS = re.compile(r"import |from lrbook import ")  # what every exercise may use
GIVEN = {*dir(builtins), "check", "answer"}
MARKS = re.compile(
    r"\{exercise-start\}[^`]*?:label: (?P<exercise>\S+)|\{solution-start\} (?P<solution>\S+)|\{solution-end\}"
)
MODULES = {"plt", "plots", "np", "sp"}  # whose functions change none of the chapter's names
NAMED = (ast.FunctionDef, ast.ClassDef)
SCOPES = (*NAMED, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Cell(NamedTuple):
    """A code cell, and the exercise or solution that it belongs to, if any."""

    kind: str
    label: str
    source: str


def labelled(notebook: nbformat.NotebookNode) -> Iterator[Cell]:
    """Give each code cell with the exercise whose statement or solution was last opened before it."""
    kind = label = ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield Cell(kind, label, cell.source)
            continue
        for opened in MARKS.finditer(cell.source):
            kind, label = opened.lastgroup or "", opened[opened.lastgroup or 0]
            if "-end" in label:
                kind = label = ""


class Statement(NamedTuple):
    """A statement of a chapter: its text, and the names that it changes and needs."""

    source: str
    changes: frozenset[str]
    needs: frozenset[str]
    later: frozenset[str]  # what it needs when a function in it is called
    sets: bool  # whether it gives its names their values whatever they were


def statements(source: str) -> list[Statement]:
    """Take the source of a cell apart."""
    return [statement(node, source) for node in ast.parse(source).body]


def statement(node: ast.stmt, source: str) -> Statement:
    changes, needs, later = set(), set(), set()
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, SCOPES):  # what is set in it is its own
            own = {a.arg for a in ast.walk(part) if isinstance(a, ast.arg)} | names(part, ast.Store)
            free = names(part, ast.Load) - own
            if isinstance(part, (ast.FunctionDef, ast.Lambda)):
                waiting += [default for default in part.args.defaults + part.args.kw_defaults if default]
            (later if isinstance(part, (*NAMED, ast.Lambda)) else needs).update(free)
            changes |= {part.name} if isinstance(part, NAMED) else set()
            continue
        if isinstance(part, ast.Name):
            (needs if isinstance(part.ctx, ast.Load) else changes).add(part.id)
        elif isinstance(part, ast.alias):
            changes.add((part.asname or part.name).split(".")[0])
        elif isinstance(part, (ast.Subscript, ast.Attribute)) and isinstance(part.ctx, ast.Store):
            changes |= base(part)
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            changes |= base(part.value.func) - MODULES
        elif isinstance(part, ast.For):  # its own variables are not what it is there for
            waiting += [part.iter, *part.body, *part.orelse]
            continue
        waiting += ast.iter_child_nodes(part)
    sets = isinstance(node, (*NAMED, ast.Import, ast.ImportFrom)) or (
        isinstance(node, ast.Assign)
        and not any(isinstance(t, (ast.Subscript, ast.Attribute)) for t in node.targets)
    )
    needs -= {
        name for part in ast.walk(node) if isinstance(part, ast.For) for name in names(part.target, ast.Store)
    }
    first = min(part.lineno for part in (node, *getattr(node, "decorator_list", ())))
    text = "\n".join(source.splitlines()[first - 1 : node.end_lineno])
    return Statement(text, frozenset(changes), frozenset(needs), frozenset(later), sets)


def names(node: ast.AST, use: type) -> set[str]:
    """The names that are read, or set, anywhere in a piece of code."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, use)}


def base(node: ast.expr) -> set[str]:
    """The name in front of dots and brackets: what a method or an assignment to a part changes."""
    if isinstance(node, ast.Name):
        return set()
    while isinstance(node, (ast.Subscript, ast.Attribute, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def cut(source: str, before: list[Statement]) -> list[Statement]:
    """Cut `before` down to the statements that `source` needs to run after them."""
    wanted = {name for part in statements(source) for name in part.needs | part.later} - GIVEN
    while True:
        missing, late, kept = set(wanted), set(), []
        for part in reversed(before):
            if part.changes & missing:
                kept.append(part)
                if part.sets:
                    missing -= part.changes
                missing |= part.needs - GIVEN
                late |= part.later - GIVEN
        if late <= wanted:
            return kept[::-1]
        wanted |= late


class Exercise(NamedTuple):
    """An exercise: the cell for the answer, the check with all that it needs, and what a solution needs."""

    stub: str
    check: str
    needs: list[Statement]


def exercises(notebook: nbformat.NotebookNode) -> dict[str, Exercise]:
    """Give the exercises of a chapter by their labels."""
    cells, found = list(labelled(notebook)), {}
    for i, cell in enumerate(cells):
        if cell.kind != "exercise" or "check(answer" not in cell.source:
            continue
        text = [part for c in cells[:i] if not c.kind for part in statements(c.source)]
        checks = [part for c in cells[:i] if c.kind != "solution" for part in statements(c.source)]
        solution = "\n".join(
            answered(c.source) for c in cells if (c.kind, c.label) == ("solution", cell.label)
        )
        stub = next(c.source for c in cells if (c.kind, c.label) == ("exercise", cell.label))
        checks = [part for part in checks if part.changes != {"answer"}]
        source = [*(part.source for part in cut(cell.source, checks)), cell.source]
        found[cell.label] = Exercise(stub, "\n".join(source), cut(solution, text))
    return found


def answered(solution: str) -> str:
    """Give the part of a solution that works the answer out: up to the last statement that sets it."""
    parts = statements(solution)
    last = max((i for i, part in enumerate(parts) if "answer" in part.changes), default=-1)
    return "\n".join(part.source for part in parts[: last + 1])


class PracticeWriter(NotebookWriter):
    """Writes the exercises of a page, each with a cell for the answer, a check and a hint."""

    def __init__(self, app: Sphinx, pagename: str, executed: nbformat.NotebookNode) -> None:
        super().__init__(app, pagename, executed)
        self.cells = []
        self.exercises = exercises(executed)

    def practice(self, doctree: nodes.document) -> nbformat.NotebookNode:
        title = self.words(next(doctree.findall(nodes.title)))
        self.put(
            f"# Practice: {title}\n\nThe exercises of a chapter of The Learning Rate Book; figures and "
            "equations have the numbers that they have there. Put each answer in place of the dots, run its "
            "cell and then the check below it, which says right or wrong, and what is wrong. For a hint, "
            "open the folded cell below that and run it."
        )
        self.flush()
        order = [part for cell in labelled(self.executed) for part in statements(cell.source)]
        setup = {part for exercise in self.exercises.values() for part in exercise.needs}
        setup |= {part for part in order if IMPORTS.match(part.source)}
        needed = "\n".join(part.source for part in sorted(setup, key=order.index))
        sealed = "".join(f"    {label!r}: {seal(e.check)!r},\n" for label, e in self.exercises.items())
        self.cells += [
            code(FIRST.format(version=version()), "needs"),
            code(f"# What the chapter has defined, as far as the exercises ask for it.\n{needed}", "setup"),
            code(f"from lrbook.practice import Exercises\n\nexercises = Exercises({{\n{sealed}}})", "sealed"),
        ]
        self.cells[-1].metadata["jupyter"] = {"source_hidden": True}
        for node in doctree.findall(lambda n: type(n).__name__ == "exercise_enumerable_node"):
            self.depth = 1
            self.put_exercise_enumerable_node(node)
            self.flush()
            label = node["label"]
            answer = code(self.exercises[label].stub, f"{label}-answer")
            check = code(f'exercises.check("{label}", answer)', label)
            hint = code(f'exercises.hint("{label}")', f"{label}-hint")
            check.metadata["nbgrader"] = GRADED | {"grade_id": label}
            hint.metadata["jupyter"] = {"source_hidden": True}
            self.cells += [answer, check, hint]
        kept = {key: self.executed.metadata[key] for key in ("kernelspec", "language_info")}
        return nbformat.v4.new_notebook(cells=self.cells, metadata=kept)

    def add_code(self, node: nodes.container) -> None:
        """Leave out the chapter's cells within an exercise: it has its own."""


def folder(app: Sphinx) -> Path:
    return Path(app.outdir) / "practice"


def write(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Write the practice notebook of a page that has exercises, and offer it in the header."""
    source = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    if app.builder.name != "html" or doctree is None or not source.is_file():
        return
    writer = PracticeWriter(app, pagename, nbformat.read(source, 4))
    if writer.exercises:
        folder(app).mkdir(exist_ok=True)
        nbformat.write(writer.practice(doctree), folder(app) / f"{pagename}.ipynb")


class PracticeNotebooks(SphinxDirective):
    """A list of the practice notebooks, and of the package that they need."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        pages = [
            page
            for page in self.env.toctree_includes.get(self.env.config.root_doc, [])
            if "{exercise-start}" in Path(self.env.doc2path(page)).read_text("utf8")
        ]
        items = []
        for page in pages:
            title = next(iter(re.findall(r"^# (.+)$", Path(self.env.doc2path(page)).read_text("utf8"), re.M)))
            link = nodes.reference("", title, refuri=f"practice/{page}.ipynb", internal=True)
            items.append(nodes.list_item("", nodes.paragraph("", "", link)))
        wheel = f"lrbook-{version()}-py3-none-any.whl"
        link = nodes.reference("", wheel, refuri=f"practice/{wheel}", internal=True)
        items.append(nodes.list_item("", nodes.paragraph("", "The package that they all need: ", link)))
        return [nodes.bullet_list("", *items)]


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", write, priority=610)
    app.add_directive("practice-notebooks", PracticeNotebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
