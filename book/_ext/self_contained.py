"""A page asks nothing of other sites: what would start a kernel elsewhere is left out of it.

The scripts of extensions are not on the pages anyway: `_templates/layout.html` names those that are.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

THEBE = re.compile(
    r'<script type="text/x-thebe-config">.*?</script>\s*<script>kernelName = [^<]*</script>', re.DOTALL
)


def leave_out(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Leave the settings of Thebe out of a page."""
    if "body" in context:
        context["body"] = THEBE.sub("", context["body"])


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", leave_out, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
