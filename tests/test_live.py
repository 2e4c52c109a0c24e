"""What a live figure is made of, in Python, and the script that comes with it."""

from __future__ import annotations

import base64
import gzip
import html
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import figures as pages

from lrbook import (
    SGD,
    Adam,
    Constant,
    CosineDecay,
    ExponentialDecay,
    Momentum,
    Nesterov,
    NoisyLinearCosineDecay,
    PiecewiseConstant,
    PolynomialDecay,
    Quadratic,
    RMSprop,
    Rosenbrock,
    WithWeightDecay,
    descend,
    figure,
    plots,
    steps_of,
)
from lrbook.elementary import sqrt, square, where
from lrbook.live import (
    Button,
    Choice,
    Figure,
    Handle,
    Levels,
    Line,
    Of,
    Panel,
    Point,
    Sequence,
    Slider,
    Switch,
    Words,
    descents,
    rates,
    responses,
    schedules,
    short,
)


def test_a_figure_says_in_words_what_it_shows():
    made = schedules({"line": PolynomialDecay(2.0, 4, end_lr=0.0)}, 4)
    assert repr(made) == "line covers 5."
    assert made.words(lr=4.0) == "line covers 10."


def test_zero_is_said_as_zero():
    assert [short(x) for x in (0.0, -0.5, 1e-3, 99999.0, -1e5)] == ["0", "-0.5", "0.001", "99999", "-1e5"]


def test_a_control_that_the_figure_has_not_is_refused():
    with pytest.raises(ValueError, match=r"\['lr'\], got \['rate'\]"):
        schedules({"constant": Constant(0.5)}, 4).numbers(rate=1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Slider("a b", 0, 1, 0), "must be free for a variable of a script, got 'a b'"),
        (lambda: Slider("t", 0, 1, 0), "must be free for a variable of a script, got 't'"),
        (lambda: Slider("x3", 0, 1, 0), "must be free for a variable of a script, got 'x3'"),
        (lambda: Slider("new", 0, 1, 0), "must be free for a variable of a script, got 'new'"),
        (lambda: Slider("η", 0, 1, 0), "must be free for a variable of a script, got 'η'"),
        (lambda: Slider("rate", 0, 1, 2), "rate must have low <= value <= high, and low < high, got 0, 2, 1"),
        (lambda: Slider("rate", 0, 1, float("nan")), "low <= value <= high"),
        (lambda: Slider("rate", 1, 1, 1), "low < high, got 1, 1, 1"),
        (lambda: Slider("rate", 0, 1, 0.5, scale="log"), "rate leaves its log scale, got 0 to 1"),
        (lambda: Slider("beta", 0, 1, 0.5, scale="toward1"), "beta leaves its toward1 scale, got 0 to 1"),
        (
            lambda: Slider("beta", 0, 1, 0.5, scale="square"),
            "scale must be linear, log or toward1, got 'square'",
        ),
        (lambda: Choice("kind", ("a",)), "kind must have options that differ, two or more, got"),
        (lambda: Choice("kind", ("a", "a")), "kind must have options that differ, two or more, got"),
    ],
)
def test_a_control_that_cannot_be_moved_is_refused(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


LINE = Sequence(("y",), lambda t, state, c: (t,), 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"controls": [Slider("rate", 0, 1, 0), Switch("rate")]},
            "must have names that differ, got ['rate', 'rate']",
        ),
        (
            {"panels": [Panel("", "", (Line("a", "r", "y"),))]},
            "the line 'a' must be of a sequence of ['s'], got 'r'",
        ),
        (
            {"panels": [Panel("", "", (Line("a", "s", "z"),))]},
            "the line 'a' must be of a column of ('y',), got 'z'",
        ),
        ({"panels": [Panel("", "", (Line("a", "s", "y", x="z"),))]}, "of a column of ('y',), got 'z'"),
        ({"panels": [Panel("", "", (Line("a", "s", "y", note="end"),))]}, "and the values [], got ['end']"),
        ({"values": {"v": Of("r", "y")}}, "the value 'v' must be of a sequence of ['s'], got 'r'"),
        ({"values": {"v": Of("s", "z")}}, "the value 'v' must be of a column of ('y',), got 'z'"),
        (
            {"say": "at {speed}"},
            "a figure may say and set what it has, the controls ['rate'] and the values []",
        ),
        ({"buttons": [Button("go", {"speed": lambda c: 1.0})]}, "got ['speed']"),
    ],
)
def test_a_figure_that_names_what_it_has_not_is_refused(given, message):
    whole = {"panels": [], "controls": [Slider("rate", 0, 1, 0)], "sequences": {"s": LINE}}
    with pytest.raises(ValueError, match=re.escape(message)):
        Figure(**(whole | given))


def test_a_function_is_traced_once_for_each_choice_that_it_looks_at():
    made = Figure(
        panels=[],
        controls=[Choice("kind", ("a", "b")), Switch("on"), Slider("rate", 0, 1, 0.5)],
        sequences={"s": Sequence(("y",), lambda t, state, c: (c.rate if c.kind == "a" else 1.0,), 2)},
        values={"v": lambda c: c.rate * 2, "w": Words(lambda c: c.v, (1,), ("low", "high"))},
    )
    data = made.data()
    output = data["sequences"]["s"]["output"]
    assert output["by"] == ("kind",)
    assert list(output["cases"]) == ["a", "b"]
    assert output["cases"]["b"] == {"js": "(t) => {\n  return [1.0];\n}", "uses": []}
    assert data["values"]["w"]["number"]["uses"] == ["v"]
    assert made.numbers(kind="b", rate=0.4)["values"] == {"v": 0.8, "w": "low"}
    assert made.numbers()["values"]["w"] == "high"


def test_a_control_that_a_function_asks_for_must_be_there():
    made = Figure([], [Slider("rate", 0, 1, 0.5)], {}, {"v": lambda c: c.speed})
    with pytest.raises(AttributeError, match="the figure has no control 'speed'"):
        made.data()


def test_the_best_of_the_candidates_is_the_one_that_ends_lowest():
    bowl = Quadratic([1.0], noise=0.5)
    made = rates(
        lambda c: Constant(c.rate), "length", lambda c: bowl, [2.0], ("rate", "loss", (0.01, 0.1, 0.5, 3.0))
    )
    shown = Figure(
        [], [Slider("length", 1, 50, 20, whole=True)], {"run": made}, {"best": Of("run", which="best")}
    )
    ends = [bowl.expected_loss([2.0], np.full(20, rate))[-1] for rate in (0.01, 0.1, 0.5, 3.0)]
    assert shown.numbers()["values"]["best"] == (0.01, 0.1, 0.5, 3.0)[int(np.argmin(ends))]
    assert np.isclose(shown.numbers()["sequences"]["run"]["loss"][-1], min(ends), rtol=1e-12)
    assert shown.numbers(length=2)["values"]["best"] == 0.5


@pytest.mark.parametrize("deep", [0.0, 3.0, 21.0, 29.0])
def test_the_best_is_found_in_a_long_row_of_candidates_some_of_which_give_no_number(deep):
    def output(t, state, c):
        return (square(c.rate - deep) + 0 * sqrt(29 - c.rate),)  # above 29 no number

    tried = ("rate", "y", tuple(map(float, range(60))))
    made = Figure([], [], {"s": Sequence(("y",), output, 1, best=tried)}, {"best": Of("s", which="best")})
    assert made.numbers()["values"]["best"] == deep


def test_schedules_have_a_control_for_each_number_and_flag():
    made = schedules({"a": ExponentialDecay(0.1, 20, 0.5), "b-c": NoisyLinearCosineDecay(0.1, 20)}, 10)
    found = {control.name: control for control in made.controls}
    assert found["a_staircase"] == Switch("a_staircase", (False, True), "staircase, a")
    assert found["b_c_seed"].whole
    assert found["b_c_seed"].low == 0
    assert found["a_decay_steps"].low == 1
    assert found["b_c_alpha"].high == 1
    assert found["b_c_num_periods"].high == 1.0
    moved = made.numbers(a_staircase=True, a_decay_steps=5, b_c_seed=3)["sequences"]
    assert np.array_equal(moved["a"]["rate"], ExponentialDecay(0.1, 5, 0.5, staircase=True)(np.arange(11)))
    assert np.allclose(
        moved["b-c"]["rate"], NoisyLinearCosineDecay(0.1, 20, seed=3)(np.arange(11)), rtol=1e-14
    )


def test_what_is_no_single_number_has_no_control():
    made = schedules({"drops": PiecewiseConstant([2], [1.0, 0.5])}, 4)
    assert made.controls == []
    assert made.words() == "drops covers 3."


def test_schedules_on_a_bowl_show_its_expected_loss():
    bowl = Quadratic([0.5, 2.0], noise=0.3)
    made = schedules(
        {"line": PolynomialDecay(0.4, 30, end_lr=0.0)}, 30, bowl=lambda c: bowl, start=(1.0, 2.0)
    )
    wanted = bowl.expected_loss([1.0, 2.0], PolynomialDecay(0.4, 30, 0.0)(np.arange(30)))
    assert np.allclose(made.numbers()["sequences"]["line"]["loss"], wanted, rtol=1e-13)
    assert [panel.title for panel in made.panels] == ["learning rate", "distance covered", "expected loss"]


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.01),
        Momentum(0.01),
        Nesterov(CosineDecay(0.01, 50)),
        Adam(0.1),
        WithWeightDecay(RMSprop(0.1), 0.1),
    ],
)
def test_a_path_is_what_descend_records(optimizer):
    problem, start = Rosenbrock(b=5.0), (-1.0, 1.5)
    made = descents({"run": lambda c: optimizer}, problem, start, 60)
    found = made.numbers()["sequences"]["run"]
    run = descend(problem, np.array(start), optimizer, 60)
    assert np.allclose([found["x"], found["y"]], run.theta.T, rtol=1e-9)
    assert np.allclose(found["loss"], run.loss, rtol=1e-9)


def test_descents_have_a_start_and_the_optimizers_numbers_to_move():
    made = descents(
        {"Adam": Adam(0.1)}, lambda c: Quadratic([1.0, 3.0]), (1.0, -1.0), 5, view=((-3, 3), (-2, 2))
    )
    names = [control.name for control in made.controls]
    assert names == ["start_x", "start_y", "lr", "beta1", "beta2", "eps", "eps_inside"]
    assert made.controls[1].low == -2
    assert made.numbers(start_x=2.0)["sequences"]["Adam"]["x"][0] == 2.0
    assert made.controls[3].scale == "toward1"


def test_responses_are_the_steps_of_the_gradients():
    def gradient(t, c):
        return where(t < 5, 3.0, c.low)

    made = Figure(
        [],
        [Slider("low", 0, 1, 0.5)],
        {"late": responses(lambda c: Adam(), gradient, 10, made=10**6)}
        | {"now": responses(lambda c: Adam(), gradient, 10)},
    )
    found = made.numbers()["sequences"]
    wanted = steps_of(Adam(), [3.0] * 5 + [0.5] * 6)
    assert np.allclose(found["now"]["step"], wanted, rtol=1e-12)
    assert np.allclose(found["now"]["distance"], [0, *np.cumsum(wanted)[:-1]], rtol=1e-12)
    assert np.isclose(found["late"]["step"][0], 0.1 / np.sqrt(0.001), rtol=1e-6)


def test_a_handle_stands_where_its_controls_or_functions_say():
    c = SimpleNamespace(a=2.0, b=3.0)
    assert Handle("h", "a", lambda c: c.b * 2).at(c) == (2.0, 6.0)
    assert Handle("h", y="b").at(c) == (None, 3.0)


def test_a_figure_shows_itself_as_an_element_a_picture_and_words(monkeypatch):
    """The first figure that a kernel shows brings the script, and does so again; the others do not."""
    monkeypatch.setattr(figure, "_first", [])
    first, second = (schedules({"line": PolynomialDecay(rate, 4, end_lr=0.0)}, 4) for rate in (1.0, 2.0))
    shown = [made._repr_mimebundle_() for made in (first, second, first)]
    assert [bundle["text/html"].count("customElements.define") for bundle in shown] == [1, 0, 1]
    assert shown[0] == shown[2]
    assert shown[0]["image/svg+xml"].startswith("<?xml")
    assert shown[0]["text/plain"] == "line covers 2.5."
    assert 'alt="line covers 2.5."' in shown[0]["text/html"]
    encoded = re.search(r'base64,([^"]+)"', shown[1]["text/html"])[1]
    assert base64.b64decode(encoded).decode() == shown[1]["image/svg+xml"]


def test_text_of_a_figure_cannot_end_its_data():
    made = Figure([], [Slider("rate", 0, 1, 0.5, label="</script>")], {})
    assert made.element("").count("</script>") == 1


def test_a_still_picture_shows_every_kind_of_mark_in_both_its_forms(monkeypatch):
    """In three panels or five, with more lines than colours."""
    monkeypatch.setenv("LRBOOK_WINDOWS", "all")
    columns = tuple(f"y{i}" for i in range(9))
    rays = Sequence(columns, lambda t, state, c: tuple(t * i for i in range(9)), 10)
    looks = ("line", "stairs", "dots", "dashed", "thin", "line", "line", "line", "line")
    lines = tuple(Line(f"line {i}", "s", f"y{i}", look=look) for i, look in enumerate(looks))
    plane = (
        Levels(lambda x, y, c: x * x + y * y, (0.5, 1.0), filled=True),
        Levels(lambda x, y, c: x * x + c.rate * y * y),
        Point("cross", lambda c: c.rate, lambda c: 0.5),
        Point("upright", x=lambda c: c.rate),
        Point("level", y=lambda c: c.rate),
        Handle("both", "rate", "rate"),
        Handle("one", y="rate"),
        Line("path", "s", "y2", x="y1"),
    )
    for count in (3, 5):
        beside = Panel("plane", "x", plane, (-1, 1), (-1, 1))
        panels = [Panel("lines", "step", lines, ylog=True), *[beside] * (count - 1)]
        made = Figure(panels, [Slider("rate", 0, 1, 0.25)], {"s": rays})
        picture = plots.still(made)
        assert picture == plots.still(made)
        forms = re.fullmatch(r'(.*)<metadata class="narrow">(.*)</metadata>\s*</svg>\s*', picture, re.DOTALL)
        for form in (forms[1], html.unescape(forms[2])):
            assert form.count('id="axes_') == {3: 3, 5: 6}[count]
            assert re.search(r"<!-- 10(\.0)? -->", form), "the axis of the steps goes to the last"
            for text in ("cross", "upright", "level", "line 8"):
                assert f"<!-- {text} -->" in form
        assert [mark["kind"] for mark in made.data()["panels"][1]["marks"]] == [
            "levels", "levels", "point", "point", "point", "handle", "handle", "line"
        ]  # fmt: skip
        assert made.data()["panels"][1]["marks"][3]["y"] is None


# --- the script in the package


def test_the_script_is_what_its_sources_give():
    """Its first lines hold the hashes of its sources and of its code, written by `make script`."""
    script = pages.SCRIPT.read_text("utf8")
    head, code = script.split("\n*/\n", 1)
    folder = pages.ROOT / "live"
    sources = [
        "build.js",
        "package-lock.json",
        *sorted(f"src/{path.name}" for path in (folder / "src").iterdir()),
    ]
    hashes = "".join(f"{name} {sha256((folder / name).read_bytes()).hexdigest()}\n" for name in sources)
    assert f"sources {sha256(hashes.encode()).hexdigest()}" in head, "run `make script`"
    assert f"code {sha256(code.encode()).hexdigest()}" in head
    assert head.count("Permission to use, copy, modify") == 2, "the licences of what it contains"


def test_the_script_is_small():
    """60 kB compressed are the limit for the book, of which the script is the largest part."""
    assert len(gzip.compress(pages.SCRIPT.read_bytes(), 9)) < 15_000


@pytest.mark.skipif(
    not (shutil.which("npm") and os.environ.get("CI")),
    reason="the bundle is made again where there is Node, in CI",
)
def test_the_bundle_can_be_made_again(tmp_path):
    """From the sources and the locked versions, byte for byte; the modules' own tests pass."""
    folder = tmp_path / "live"
    shutil.copytree(pages.ROOT / "live", folder, ignore=shutil.ignore_patterns("node_modules"))
    for command in ("npm ci --no-audit --no-fund", "npm test", f"node build.js {tmp_path / 'made.js'}"):
        done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "made.js").read_bytes() == pages.SCRIPT.read_bytes()
