"""A live figure on a page: its element around the still picture, and its script once, in _static.

A cell gives the element with the picture and the script inside it, for a notebook, and the picture alone.
On a page the picture is a file with the alternative text of its cell, as every figure's is.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

SCRIPT = Path(__file__).parents[2] / "lrbook" / "live.js"
OPENING = re.compile(r'<lr-figure><script type="application/json">.*?</script>', re.DOTALL)


class Around(SphinxPostTransform):
    """Put the element around the picture, before MyST-NB takes one of the two."""

    default_priority = 3

    def run(self, **kwargs) -> None:
        for bundle in list(self.document.findall(nodes.container)):
            kinds = {n.get("mime_type"): n for n in bundle.children if isinstance(n, nodes.container)}
            opening = OPENING.match(kinds["text/html"].astext()) if "text/html" in kinds else None
            if opening is None:
                continue
            bundle.remove(kinds["text/html"])
            if self.app.builder.format == "html":
                picture = kinds["image/svg+xml"]
                picture.insert(0, nodes.raw("", opening[0], format="html"))
                picture.append(nodes.raw("", "</lr-figure>", format="html"))


def load(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Load the script on pages with live figures; deferred, when their data has been read."""
    if doctree is not None and any("</lr-figure>" in n.astext() for n in doctree.findall(nodes.raw)):
        app.add_js_file(SCRIPT.name, loading_method="defer")


def copy(app: Sphinx) -> None:
    """Put the script where the pages load it from."""
    if app.builder.format == "html":
        target = Path(app.outdir) / "_static" / SCRIPT.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SCRIPT, target)


def setup(app: Sphinx) -> dict:
    app.add_post_transform(Around)
    app.connect("builder-inited", copy)
    app.connect("html-page-context", load)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
