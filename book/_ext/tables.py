"""Tables that fit: code in them breaks at its joints, and on a phone a row of many words is a card.

There each cell stands in a line of its own, after the name of its column. A table whose boxes are laid out
another way is no table any more to those who listen, unless each part says what it is.
"""

from __future__ import annotations

import html
import re

from sphinx.application import Sphinx

TABLE = re.compile(r'<table class="([^"]*)">(.*?)</table>', re.DOTALL)
HEAD = re.compile(r'<th class="head"[^>]*>(.*?)</th>', re.DOTALL)
ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)
SPOKEN = re.compile(r'<span class="katex-mathml">.*?</math></span>', re.DOTALL)  # a formula, for the ear
ROLES = {"thead": "rowgroup", "tbody": "rowgroup", "tr": "row", "th": "columnheader", "td": "cell"}
CALL = re.compile(r'(<span class="pre">[^<(]{2,}\()(?=[^<]{8,}</span>)')  # after the bracket of a call
CLASS = re.compile(r'<span class="pre">(?:[A-Z][a-z]+){2,}</span>')  # and between the words of a class
NUMBER = re.compile(r"<td>(?=<p>[-+]?[\d.,]+(?:e[-+]\d+)?</p>)")
LONG = 60  # letters of a row, in the mean: more do not fit into a line of a phone
WORDY = 10  # letters of a cell, in the mean: numbers have fewer, and are compared down their columns


def words(markup: str) -> str:
    """Give what is seen of a piece of a page."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", SPOKEN.sub("", markup))).strip())


def fitted(match: re.Match[str]) -> str:
    """Make cards of the rows of a table, where they are long."""
    heads = [words(head) for head in HEAD.findall(match[2])]
    rows = [row for row in ROW.findall(match[2]) if "<td" in row]
    if len(heads) < 3 or sum(len(words(row)) for row in rows) < max(LONG, WORDY * len(heads)) * len(rows):
        return match[0]
    inside = re.sub(rf"<({'|'.join(ROLES)})\b", lambda tag: f'{tag[0]} role="{ROLES[tag[1]]}"', match[2])

    def named(row: re.Match[str]) -> str:
        columns = iter(heads)
        return re.sub(r"<td ", lambda tag: f'{tag[0]}data-column="{html.escape(next(columns))}" ', row[0])

    return f'<table class="{match[1]} cards" role="table">{ROW.sub(named, inside)}</table>'


def prepare(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Fit the tables of a page."""
    if app.builder.name != "html" or "body" not in context:
        return
    body = context["body"].replace('<th class="head">', '<th class="head" scope="col">')
    body = CALL.sub(r"\1<wbr>", body)
    body = CLASS.sub(lambda name: re.sub("(?<=[a-z])(?=[A-Z])", "<wbr>", name[0]), body)
    context["body"] = NUMBER.sub('<td class="number">', TABLE.sub(fitted, body))  # 1e-08 is one word


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", prepare, priority=940)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
