"""The lock is installed as it stands, whatever has been released since."""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = ("Makefile", "README.md")


def lock_installs(text: str) -> list[list[str]]:
    """The arguments of each `pip install` of the lock in a text, without the program before them."""
    found = re.findall(r"\bpip (install\b.*-r requirements\.txt)", text)
    return [shlex.split(line) for line in found]


def wheel(folder: Path, name: str, version: str, *metadata: str) -> str:
    """Write a wheel that holds nothing but its metadata; give its hash."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    files = {
        f"{info}/METADATA": "\n".join(
            ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}") + metadata
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content + "\n")
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD")))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path):
    """A lock of two packages, one asked for with an extra, in an index that has a newer release of it."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    extra = ("Provides-Extra: toml",)
    lock = {
        "lrb-meter": wheel(wheels, "lrb_meter", "1.0", *extra),
        "lrb-user": wheel(wheels, "lrb_user", "1.0", "Requires-Dist: lrb-meter[toml]>=1.0"),
    }
    wheel(wheels, "lrb_meter", "2.0", *extra)
    lines = [f"{name}==1.0 --hash=sha256:{digest}\n" for name, digest in lock.items()]
    (tmp_path / "requirements.txt").write_text("".join(lines))
    return tmp_path


def pip(index: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run pip in the index's folder, away from the network and from this environment."""
    here = ["--isolated", "--no-index", "--find-links", "wheels", "--target", "installed", "--no-cache-dir"]
    return subprocess.run(
        [sys.executable, "-m", "pip", *arguments, *here],
        cwd=index,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("file", FILES)
def test_a_newer_release_of_a_locked_package_does_not_stop_the_install(file, index):
    commands = lock_installs((ROOT / file).read_text(encoding="utf-8"))
    assert commands, f"{file} does not say how the lock is installed"
    for command in commands:
        result = pip(index, command)
        assert result.returncode == 0, result.stderr
        assert {p.name for p in (index / "installed").glob("*.dist-info")} == {
            "lrb_meter-1.0.dist-info",
            "lrb_user-1.0.dist-info",
        }


def test_without_no_deps_the_same_index_stops_pip(index):
    """Else the test above shows nothing: this is how the book's first command once failed."""
    (command,) = lock_installs((ROOT / "Makefile").read_text(encoding="utf-8"))
    result = pip(index, [word for word in command if word != "--no-deps"])
    assert result.returncode != 0
    assert "In --require-hashes mode, all requirements must have their versions pinned" in result.stderr
    assert "lrb-meter[toml]" in result.stderr


@pytest.mark.parametrize("file", FILES)
def test_what_the_lock_leaves_out_is_asked_for_after_the_install(file):
    assert re.search(
        r"requirements\.txt(.*\n){1,3}.*\bpip check\b", (ROOT / file).read_text(encoding="utf-8")
    )


def test_every_place_that_installs_the_lock_is_tested_here():
    for place in (*(ROOT / ".github").rglob("*.yml"), ROOT / ".ci" / "run", ROOT / "CONTRIBUTING.md"):
        assert not lock_installs(place.read_text(encoding="utf-8")), f"add {place.name} to FILES"
