"""What a page shows is what its code gives now, not what it once gave.

The cache of executed notebooks knows a notebook by its cells alone: it sees no edit of a module
that the cells import. So the cache lives in a folder named by a fingerprint of everything else
that an output can depend on: the files named in ``fresh_when_changed``, the version of Python, the
versions of all installed packages. When that changes, the folder is another, an empty one.

A build starts from nothing when the fingerprint differs from that of the last build, and also when
the last build did not end well: otherwise the pages whose warnings made it fail would be taken over
unread, and the next build would succeed. Files left by pages that are gone are removed.

MyST-NB writes each executed notebook to ``_build/jupyter_execute``, but when the outputs come from
the cache it writes the notebook without them, and a comparison with it compares nothing. Here the
outputs are put into the notebook that it writes.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from copy import deepcopy
from importlib import metadata
from pathlib import Path

from myst_nb.core import execute
from myst_nb.core.execute.cache import NotebookClientCache
from sphinx.application import Sphinx

# One thread, so that sums are taken in one order and a notebook run twice gives the same last bits;
# small matrices are faster that way too. The kernels that the build starts inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ["LRBOOK_WINDOWS"] = "all"  # in a cell each figure is drawn for a phone as well


def fingerprint(root: Path, patterns: list[str]) -> str:
    """Hash everything that an output can depend on, but for the chapter itself."""
    digest = hashlib.sha256(f"{platform.python_implementation()} {platform.python_version()}".encode())
    versions = {f"{d.metadata['Name']} {d.version}" for d in metadata.distributions() if d.metadata["Name"]}
    for version in sorted(versions):
        digest.update(version.encode() + b"\0")
    files = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    for path in sorted(files):
        if "__pycache__" not in path.parts and path.suffix != ".pyc":
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def state(root: Path, patterns: list[str]) -> str:
    """Hash what the pages depend on besides: these extensions, and the book's settings."""
    settings = [path for path in (root / "_config.yml", root / "_toc.yml") if path.is_file()]
    extensions = sorted(p for p in Path(__file__).parent.rglob("*") if p.suffix in {".py", ".js"})
    digest = hashlib.sha256(fingerprint(root, patterns).encode())
    for path in [*extensions, *settings]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare(app: Sphinx, config) -> None:
    """Name the cache; start from nothing if the last build is not to be built upon."""
    root = Path(app.srcdir).parent
    build = Path(app.outdir).parent
    patterns = list(config.fresh_when_changed)
    cache = build / ".jupyter_cache" / fingerprint(root, patterns)
    config.nb_execution_cache_path = str(cache)
    if cache.parent.is_dir():
        for old in cache.parent.iterdir():
            if old != cache and old.is_dir():
                shutil.rmtree(old)

    done = Path(app.doctreedir) / "done"
    now = state(root, patterns)
    if not done.is_file() or done.read_text() != now:
        for folder in (Path(app.doctreedir), Path(app.outdir), build / "jupyter_execute"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
    done.unlink(missing_ok=True)
    app.fresh_state = now


def remove_leftovers(app: Sphinx, env, docnames) -> None:
    """Remove what was made from pages that no longer exist."""
    made = {
        Path(app.outdir): ".html",
        Path(app.outdir) / "_sources": ".md",
        Path(app.outdir) / "notebooks": ".ipynb",
        Path(app.outdir) / "practice": ".ipynb",
        Path(app.outdir).parent / "jupyter_execute": ".ipynb",
    }
    own = {"genindex", "search"}
    for folder, suffix in made.items():
        for path in folder.rglob(f"*{suffix}"):
            name = path.relative_to(folder).with_suffix("").as_posix()
            if name.startswith(("_static/", "_modules/")) and folder == Path(app.outdir):
                continue
            if name not in env.found_docs and name not in own:
                path.unlink()


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Let the next build take over the pages of this one only if nothing was wrong with it."""
    if exception is None and app._warncount == 0:
        (Path(app.doctreedir) / "done").write_text(app.fresh_state)


class CachedClient(NotebookClientCache):
    """Puts the outputs from the cache into the notebook itself, not into a copy of it."""

    def start_client(self) -> None:
        given = self._notebook
        super().start_client()
        if self._notebook is not given:
            given.cells[:] = self._notebook.cells
            given.metadata.update(self._notebook.metadata)
        for cell in given.cells:
            if cell.cell_type == "code":
                cell.outputs = joined(cell.outputs)
        self._notebook = deepcopy(given)  # from which MyST-NB takes what is glued away


def joined(outputs: list) -> list:
    """Put together what was printed, which a kernel sends in parts that depend on how busy it is.

    MyST-NB merges what it shows, not what it writes, and breaks the line between two parts.
    """
    streams, kept = {}, []
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] in streams:
            streams[output["name"]]["text"] += output["text"]
            continue
        kept.append(output)
        if output["output_type"] == "stream":
            streams[output["name"]] = output
    return kept


def setup(app: Sphinx) -> dict:
    execute.NotebookClientCache = CachedClient
    app.add_config_value("fresh_when_changed", [], "env")
    app.connect("config-inited", prepare)
    app.connect("env-before-read-docs", remove_leftovers)
    app.connect("build-finished", finish, priority=999)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
