"""Each page that runs code offers its executed notebook, outputs and all, in the page's header."""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx


def offer(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Copy the executed notebook beside the pages and add the button that downloads it."""
    source = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.ipynb"
    if doctree is None or not source.is_file():
        return
    target = Path(app.outdir) / "notebooks" / f"{pagename}.ipynb"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
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


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", offer, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
