"""A strict type checker accepts what is meant to be written and objects to what is not."""

import re
from pathlib import Path

from mypy import api

USER = Path(__file__).parent / "typed" / "user.py"


def test_a_type_checker_objects_to_wrong_arguments_and_to_nothing_else():
    report, errors, _ = api.run(["--strict", "--config-file=", str(USER)])
    assert not errors
    found = {int(line) for line in re.findall(rf"^\S*{USER.name}:(\d+): error", report, re.M)}
    lines = USER.read_text(encoding="utf-8").splitlines()
    assert found == {i for i, line in enumerate(lines, 1) if line.endswith("# error")}, report
