"""Copy notebooks from the built book to a folder to work in: `python book/hand_out.py practice`.

What somebody has worked on is never overwritten: a file is replaced only if it is still as it was handed out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GIVEN = ".handed-out.json"  # what each file was when it was copied


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hand_out(source: Path, target: Path) -> list[str]:
    """Copy each file of `source` to `target`; give the names of those left alone, since they were changed."""
    target.mkdir(parents=True, exist_ok=True)
    record = target / GIVEN
    given = json.loads(record.read_text("utf8")) if record.is_file() else {}
    kept = []
    for path in sorted(source.iterdir()):
        copy = target / path.name
        if copy.exists() and digest(copy) not in {given.get(path.name), digest(path)}:
            kept.append(path.name)
            continue
        copy.write_bytes(path.read_bytes())
        given[path.name] = digest(path)
    record.write_text(json.dumps(given, indent=1), "utf8")
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description="Copy notebooks from the built book to a folder to work in.")
    parser.add_argument("kind", choices=("notebooks", "practice"))
    kind = parser.parse_args().kind
    source = ROOT / "_build" / "html" / kind
    if not source.is_dir():
        raise SystemExit("There is no book in _build/html: run `make book` first.")
    for name in hand_out(source, ROOT / kind):
        print(f"left as it is, since it was worked on: {kind}/{name}; rename it, and you get a fresh one")
    print(f"The notebooks are in {ROOT / kind}")


if __name__ == "__main__":
    main()
