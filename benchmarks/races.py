"""How long the two pages of races run: python benchmarks/races.py [a folder with an older state of the book]

Each page's code is run as its notebook does it, in a fresh process, in turns: as it is, without loops of
machine code, and as it was in the older folder. The medians go to `lrbook/measured/races.json`, which the
status page shows; without an older folder what was recorded for it stays.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "lrbook" / "measured" / "races.json"
PAGES = ("the-race", "race-of-optimizers")
ROUNDS = 3
RUN = """
import sys, time
sys.path.insert(0, sys.argv[1])
import jupytext
from IPython.core.interactiveshell import InteractiveShell
cells = [cell.source for cell in jupytext.read(sys.argv[2]).cells if cell.cell_type == "code"]
shell = InteractiveShell.instance()
began = time.perf_counter()
for cell in cells:
    shell.run_cell(cell).raise_error()
print("\\n", time.perf_counter() - began)
"""


def seconds(root: Path, page: str, fast: str = "1") -> float:
    """The time of a page of the book in a folder, run in an empty one."""
    env = os.environ | {"MPLBACKEND": "agg", "OPENBLAS_NUM_THREADS": "1", "LRBOOK_FAST": fast}
    with tempfile.TemporaryDirectory() as empty:
        command = [sys.executable, "-c", RUN, str(root), str(root / "book" / f"{page}.md")]
        ran = subprocess.run(command, cwd=empty, env=env, check=True, capture_output=True, text=True)
    return float(ran.stdout.split()[-1])


def main() -> None:
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {page: {} for page in PAGES}
    older = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    for page in PAGES:
        ways = {"loops": (ROOT, page), "numpy": (ROOT, page, "0")}
        ways |= {"before": (older, page)} if older else {}
        times = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, given in ways.items():
                times[way].append(seconds(*given))
        found[page] |= {way: round(statistics.median(of), 2) for way, of in times.items()}
        print(page, found[page], flush=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
