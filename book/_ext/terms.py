"""Terms of the glossary: where one first appears on a page, it links there, and the index has the place."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

GLOSSARY = "glossary"
# in these a word is already something else, or is said to nobody in particular
NOT_IN = (
    nodes.reference,
    addnodes.pending_xref,
    nodes.literal,
    nodes.entry,
    nodes.caption,
    nodes.legend,
    nodes.title,
)


def terms(text: str) -> dict[str, str]:
    """Give the terms of a glossary, each with the first term of its entry."""
    found, first = {}, ""
    (body,) = re.findall(r"^```\{glossary\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for line in body.splitlines():
        if not line.startswith(" ") and line:
            first = first or line
            found[line] = first
        else:
            first = ""
    return found


def pattern(found: dict[str, str]) -> re.Pattern[str]:
    """Match any of the terms, the longest first, with a capital or in the plural."""
    words = [re.escape(term).replace(r"\ ", "[ -]") for term in sorted(found, key=len, reverse=True)]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(words)})s?(?![\w-])", re.IGNORECASE)


class Terms(SphinxTransform):
    """Link the first mention of each term in running text."""

    default_priority = 880

    def apply(self, **kwargs) -> None:
        path = Path(self.env.doc2path(GLOSSARY))
        if self.env.docname == GLOSSARY or not path.is_file():
            return
        self.env.note_dependency(str(path))
        known = terms(path.read_text("utf8"))
        folded = {term.lower().replace("-", " "): term for term in known}
        find, seen = pattern(known), set()
        for text in list(self.document.findall(nodes.Text)):
            if not spoken(text):
                continue
            parts: list[nodes.Node] = []
            done = 0
            for match in find.finditer(text):
                name = match[0].lower().replace("-", " ")
                term = folded.get(name) or folded[name.removesuffix("s")]
                if known[term] not in seen:
                    seen.add(known[term])
                    parts += [
                        nodes.Text(text[done : match.start()]),
                        *self.linked(match[0], term, known[term]),
                    ]
                    done = match.end()
            if parts:
                text.parent.replace(text, [*parts, nodes.Text(text[done:])])

    def linked(self, words: str, term: str, first: str) -> list[nodes.Node]:
        place = "term-here-" + re.sub(r"\W+", "-", first.lower())
        link = addnodes.pending_xref(
            "",
            nodes.inline("", words, classes=["xref", "std", "std-term"]),
            refdomain="std",
            reftype="term",
            reftarget=term,
            refexplicit=True,
            refwarn=True,
            refdoc=self.env.docname,
        )
        entries = [("single", first, place, "", None)]
        return [addnodes.index(entries=entries), nodes.target("", "", ids=[place]), link]


def spoken(text: nodes.Text) -> bool:
    """Say whether a text stands in a paragraph, a list or a quotation, and nothing else has a claim to it."""
    node, inside = text.parent, False
    while node is not None:
        if isinstance(node, NOT_IN) or "cell" in node.get("classes", ()):
            return False
        inside = inside or isinstance(node, nodes.paragraph)
        node = node.parent
    return inside


def setup(app: Sphinx) -> dict:
    app.add_transform(Terms)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
