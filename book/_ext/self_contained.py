"""A page asks nothing of other sites, and of a local file nothing that a browser refuses."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

THEBE = re.compile(
    r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName = [^<]*</script>', re.DOTALL
)
# the theme asks for its fonts early in a way that browsers refuse for local files; they come anyway
PRELOAD = re.compile(r'<link rel="preload"[^>]*\bas="font"[^>]*>\s*')


def keep(script) -> bool:
    """Say whether a script may stay: Thebe and whatever comes from elsewhere may not."""
    words = f"{getattr(script, 'filename', script) or ''} {getattr(script, 'attributes', {})}"
    return "thebe" not in words.lower() and "://" not in words


def leave_out(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Leave foreign scripts out of a page."""
    context["script_files"] = [s for s in context["script_files"] if keep(s)]
    if "body" in context:
        context["body"] = THEBE.sub("", context["body"])


def drop_preloads(app: Sphinx, exception: Exception | None) -> None:
    """Drop the early requests for fonts from every page."""
    if exception is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            text = page.read_text("utf8")
            without = PRELOAD.sub("", text)
            if without != text:
                page.write_text(without, "utf8")


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", leave_out, priority=900)
    app.connect("build-finished", drop_preloads)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
