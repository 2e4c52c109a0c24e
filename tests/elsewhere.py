"""Run every notebook where its reader has it, in an empty folder, and compare all of its outputs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NOTEBOOKS = Path(__file__).parent.parent / "_build" / "html" / "notebooks"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        package, here = Path(folder) / "package", Path(folder) / "notebooks"
        (wheel,) = NOTEBOOKS.glob("lrbook-*.whl")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        subprocess.run([*install, "--target", package, wheel], check=True)
        shutil.copytree(NOTEBOOKS, here, ignore=shutil.ignore_patterns("*.whl"))
        environment = {**os.environ, "PYTHONPATH": str(package), "OPENBLAS_NUM_THREADS": "1"}
        find = [sys.executable, "-c", "import lrbook; print(lrbook.__file__)"]
        found = subprocess.run(
            find, cwd=here, env=environment, check=True, capture_output=True, text=True
        ).stdout
        if not Path(found).is_relative_to(package):
            raise SystemExit(f"the notebooks must run with the wheel's lrbook, got {found}")
        options = [
            "-q",
            "--nbval",
            "--nbval-current-env",
            "--nbval-cell-timeout=120",
            "-p",
            "no:cacheprovider",
        ]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *sys.argv[1:], "."],
            cwd=here,
            env=environment,
            check=False,
        )
    raise SystemExit(run.returncode)


if __name__ == "__main__":
    main()
