"""Find a browser to look at the pages with. Run as a program, say what was left unchecked."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = (
    "no Chromium or Chrome was found, so the pages were not looked at in a browser; "
    "install one (Debian, Ubuntu: apt-get install chromium) and run the tests again"
)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """Give the path of a browser, if there is one."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


if __name__ == "__main__":
    print("\nAll checks passed." if find() else f"\nAll other checks passed, but {MISSING}.")
