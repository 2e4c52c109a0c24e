"""A page as Markdown, for its notebook: what roles and directives stand for is written out.

The page comes as Sphinx resolved it, so numbers, references, citations and exercises are what the built
page shows. A kind of node that is not known stops the build: nothing is left out unseen.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from docutils import nodes
from formulas import displayed

SILENT = {
    "comment",
    "label",
    "target",
    "index",
    "substitution_definition",
    "compound",
    "toctree",
    "meta",
    "raw",
}
THROUGH = {
    "document",
    "inline",
    "container",
    "generated",
    "compact_paragraph",
    "download_reference",
    "pending_xref",
    "figure",
}
ADMONITIONS = {"note", "tip", "warning", "important", "hint", "caution", "attention", "admonition"}
AROUND = {
    "emphasis": "*",
    "strong": "**",
    "title_reference": "*",
    "literal_emphasis": "*",
    "literal_strong": "**",
}
# what Markdown would read as its own, in words and at the start of a paragraph
MEANT = re.compile(r"([\\`*$<\[\]~]|(?<!\w)_|_(?!\w))")
STARTS = re.compile(r"^(\s*)([-+#>]|\d+\.)(?=\s)")


class Writer:
    """Writes the nodes of one page; `notebooks` are the pages to whose notebooks it may link."""

    def __init__(self, notebooks: set[str]) -> None:
        self.notebooks = notebooks
        self.depth = 0
        self.blocks: list[str] = []

    # --- blocks

    def put(self, text: str) -> None:
        if text.strip():
            self.blocks.append(text.strip("\n"))

    def take(self) -> str:
        """Give what has been written since the last time."""
        text, self.blocks = "\n\n".join(self.blocks), []
        return text

    def aside(self, node: nodes.Element) -> str:
        """Write the children of a node by themselves."""
        if next(node.findall(is_code), None) is not None:
            raise NotImplementedError("a notebook has no cells within a list, a table or a box")
        outside, self.blocks = self.blocks, []
        for child in node.children:
            self.block(child)
        inside, self.blocks = self.take(), outside
        return inside

    def block(self, node: nodes.Node) -> None:
        kind = type(node).__name__
        if is_code(node):
            self.add_code(node)
        elif method := getattr(self, f"put_{kind}", None):
            method(node)
        elif kind in SILENT:
            return
        elif kind in ADMONITIONS:
            self.put_admonition(node)
        elif kind in THROUGH:
            for child in node.children:
                self.block(child)
        else:
            self.put(self.inline(node))

    def add_code(self, node: nodes.Element) -> None:
        raise NotImplementedError("nothing takes a code cell here")

    def number(self, kind: str, node: nodes.Element) -> str:
        raise NotImplementedError(f"nothing gives {kind}s a number here")

    def put_section(self, node) -> None:
        self.depth += 1
        for child in node.children:
            self.block(child)
        self.depth -= 1

    def put_title(self, node) -> None:
        self.put(f"{'#' * max(self.depth, 1)} {self.words(node)}")

    def put_rubric(self, node) -> None:
        self.put(f"**{self.words(node)}**")

    def put_paragraph(self, node) -> None:
        self.put(STARTS.sub(r"\1\\\2", self.words(node)))

    def put_bullet_list(self, node) -> None:
        self.put("\n".join(indented(self.aside(item), "- ") for item in node.children))

    def put_enumerated_list(self, node) -> None:
        start = node.get("start", 1)
        items = enumerate(node.children, start)
        self.put("\n".join(indented(self.aside(item), f"{number}. ") for number, item in items))

    def put_definition_list(self, node) -> None:
        for item in node.children:
            terms = [self.words(part) for part in item.children if isinstance(part, nodes.term)]
            meaning = [self.aside(part) for part in item.children if isinstance(part, nodes.definition)]
            self.put(indented("\n\n".join([f"**{', '.join(terms)}**", *meaning]), "- "))

    put_glossary = lambda self, node: [self.block(child) for child in node.children]  # noqa: E731

    def put_block_quote(self, node) -> None:
        self.put(quoted(self.aside(node)))

    def put_admonition(self, node) -> None:
        title = node.next_node(nodes.title)
        name = self.words(title) if title is not None else type(node).__name__.capitalize()
        node = node.deepcopy()
        node.children = [child for child in node.children if not isinstance(child, nodes.title)]
        self.put(quoted(f"**{name}**\n\n{self.aside(node)}"))

    def put_literal_block(self, node) -> None:
        language = {"ipython3": "python", "default": "", "none": "", "myst-ansi": ""}
        name = node.get("language", "")
        self.put(f"```{language.get(name, name)}\n{node.astext().rstrip()}\n```")

    put_doctest_block = put_literal_block

    def put_math_block(self, node) -> None:
        text = displayed(node.astext(), bool(node.get("nowrap")))
        text = re.sub(r"\\(begin|end)\{(align|gather)\*\}", r"\\\1{\2ed}", text)
        if node.get("number"):
            text += rf" \tag{{{self.number('displaymath', node)}}}"
        self.put(f"$$\n{text}\n$$")

    def put_table(self, node) -> None:
        if title := node.next_node(nodes.title):
            self.put(f"**{self.words(title)}**")
        rows = [
            [self.entry(entry) for entry in row.children if isinstance(entry, nodes.entry)]
            for row in node.findall(nodes.row)
        ]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        lines.insert(1, "|" + "---|" * len(rows[0]))
        self.put("\n".join(lines))

    def entry(self, entry: nodes.entry) -> str:
        """Write the inside of a table, where a bar would end the column, in one line."""
        if entry.get("morecols") or entry.get("morerows"):
            raise NotImplementedError("a notebook's table has no cells that span")
        for formula in list(entry.findall(nodes.math)):
            text = formula.astext().replace(r"\|", r"\Vert ").replace("|", r"\vert ")
            formula.children = [nodes.Text(text)]
        return self.aside(entry).replace("|", r"\|").replace("\n", " ")

    def put_caption(self, node) -> None:
        self.put(self.words(node))

    put_legend = put_block_quote
    put_image = lambda self, node: self.put(f"*{text(node.get('alt', ''))}*")  # noqa: E731

    # --- words

    def words(self, node: nodes.Node) -> str:
        return "".join(map(self.inline, node.children))

    def inline(self, node: nodes.Node) -> str:
        kind = type(node).__name__
        if isinstance(node, nodes.Text):
            return text(str(node))
        if kind in AROUND:
            inside = self.words(node)
            return f"{AROUND[kind]}{inside}{AROUND[kind]}" if inside.strip() else inside
        if kind == "literal":
            ticks = "``" if "`" in node.astext() else "`"
            return f"{ticks}{node.astext()}{ticks}"
        if kind == "math":
            return f"${node.astext().strip()}$"
        if kind == "reference":
            return self.reference(node)
        if kind in SILENT:
            return ""
        if kind in THROUGH or kind in {"number_reference", "abbreviation"}:
            return self.words(node)
        raise NotImplementedError(f"a notebook's text has no way to write {kind}: {node!r}")

    def reference(self, node: nodes.reference) -> str:
        """Link to another page's notebook or to another site; what has no notebook keeps its name."""
        url = urlsplit(node.get("refuri", ""))
        name = url.path.removesuffix(".html")
        if url.scheme in {"http", "https"}:
            return f"[{self.words(node)}]({node['refuri']})"
        if url.path.endswith(".html") and name in self.notebooks:
            return f"[{self.words(node)}]({name}.ipynb)"
        return self.words(node)


def is_code(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def text(words: str) -> str:
    """Write words as words."""
    return MEANT.sub(r"\\\1", words.replace("\n", " "))


def quoted(block: str) -> str:
    """Mark each line as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in block.split("\n"))


def indented(block: str, mark: str) -> str:
    """Put a mark before the first line, and as much room before the others."""
    return "\n".join(
        (mark if number == 0 else " " * len(mark)) + line if line else ""
        for number, line in enumerate(block.split("\n"))
    )
