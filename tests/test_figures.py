"""What a figure of the pages draws is what lrbook computes, whatever is moved, by whomever."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import figures as pages

from lrbook import plots
from lrbook.live import Choice, Of, Slider

SETTINGS = 24
FIGURES = list(pages.cells())
# V8 takes these from its own library, one unit in the last place from that of C; all else is exact everywhere
INEXACT = re.compile(r"Math\.(cos|sin|exp|log|pow)")
MANY = 8  # numbers, from which on NumPy adds them in an order of its own


@pytest.fixture(scope="module")
def tab(chromium):
    page = chromium.new_page(viewport={"width": 900, "height": 900})
    page.set_default_timeout(15_000)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: page.faults.append(message.text))
    return page


@pytest.fixture
def opened(tab, tmp_path):
    """Open a page with one figure; gives the figure, and the tab."""

    def open_(name, state=""):
        made = pages.figure(name)
        file = tmp_path / "figure.html"
        file.write_text(pages.page({name: made}), "utf8")
        tab.faults.clear()
        tab.goto("about:blank")
        tab.goto(file.as_uri() + state)
        tab.wait_for_selector("lr-figure.ready")
        return made, tab

    return open_


MOVE = """positions => {
    const box = document.querySelector('lr-figure');
    const inputs = [...box.querySelectorAll('.controls input:not([type=number]), .controls select')];
    inputs.forEach((input, i) => {
        const u = positions[i];
        if (input.type === 'range') input.value = Math.round(u * input.max);
        else if (input.type === 'checkbox') input.checked = u > 0.5;
        else input.selectedIndex = Math.floor(u * input.options.length);
        input.dispatchEvent(new Event('input'));
        input.dispatchEvent(new Event('change'));
    });
    return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(box.drawn))));
}"""


NEAR = 25  # steps


def same(name, found, wanted, exact):
    """Equal, or to 1e-12 of the largest of its neighbours: a rate that ends at zero is a difference."""
    found = np.array([np.nan if x is None else x for x in np.atleast_1d(found)], dtype=float)
    wanted = np.atleast_1d(np.asarray(wanted, dtype=float))
    assert found.shape == wanted.shape, name
    lost = ~np.isfinite(found)  # both have left: JSON has one word for all that is not finite
    assert np.array_equal(lost, ~np.isfinite(wanted)), name
    size = np.pad(np.where(lost, 0, np.abs(wanted)), NEAR)
    largest = np.lib.stride_tricks.sliding_window_view(size, 2 * NEAR + 1).max(axis=-1)
    off = np.abs(np.where(lost, 0, found) - np.where(lost, 0, wanted))
    assert np.all(off <= (0 if exact else 1e-12 * largest)), (name, np.max(off / np.maximum(largest, 1e-300)))


@pytest.mark.parametrize("name", FIGURES)
def test_the_numbers_drawn_are_those_of_lrbook(name, opened):
    """At the start, at every end of every slider, and at settings between."""
    made, tab = opened(name)
    data = made.data()
    exact = {
        key: sequence["size"] < MANY and not INEXACT.search(str(sequence))
        for key, sequence in data["sequences"].items()
    }
    rng = np.random.default_rng(len(name))
    movable = len(made.controls)
    settings = [np.zeros(movable), np.full(movable, 0.999999), *rng.uniform(0, 1, (SETTINGS, movable))]
    compare = [tab.evaluate("document.querySelector('lr-figure').drawn")]
    compare += [tab.evaluate(MOVE, positions.tolist()) for positions in settings]
    for drawn in compare:
        wanted = made.numbers(**drawn["controls"])
        for key, columns in wanted["sequences"].items():
            for column, values in columns.items():
                same(f"{key}.{column}", drawn["sequences"][key][column], values, exact[key])
        for key, value in wanted["values"].items():
            spec, found = made.values[key], drawn["values"][key]
            if isinstance(value, str):
                assert found == value, key
            elif isinstance(spec, Of) and spec.column:  # of a column that has been compared
                column = drawn["sequences"][spec.sequence][spec.column]
                reduced = {"last": lambda x: x[-1], "largest": max, "smallest": min}[spec.which](column)
                assert np.array_equal(found, reduced, equal_nan=True), key
            else:
                same(key, found, value, exact=False)
    assert not tab.faults


@pytest.mark.parametrize("name", FIGURES)
def test_every_control_reaches_its_ends(name, opened):
    made, tab = opened(name)
    for position, end in ((0.0, "low"), (0.999999, "high")):
        drawn = tab.evaluate(MOVE, [position] * len(made.controls))["controls"]
        for control in made.controls:
            if isinstance(control, Slider):
                assert drawn[control.name] == getattr(control, end), control.name
            else:
                assert isinstance(control, Choice)
                assert drawn[control.name] in control.options


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_gives_the_same_bytes_each_time(name):
    """Its picture and its data: nbval compares them."""
    made = pages.figure(name)
    assert plots.still(made) == plots.still(made)
    assert made.element("") == made.element("")


# --- in a reader's hands


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_says_what_the_same_figure_says_in_python(name, opened):
    """After it was moved, once it has rested: the live text is that of `words`, but for the last digit."""
    made, tab = opened(name)
    drawn = tab.evaluate(MOVE, [0.3] * len(made.controls))
    tab.wait_for_timeout(400)
    said = tab.locator("lr-figure .summary").inner_text()
    assert said.split() == made.words(**drawn["controls"]).split()
    assert tab.locator("lr-figure .summary").get_attribute("aria-live") == "polite"


DRAG = "fig-step-live"


def controls(tab):
    return tab.evaluate("document.querySelector('lr-figure').drawn.controls")


def settled(tab):
    """After the next frame."""
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return controls(tab)


def test_a_handle_is_dragged_with_the_mouse(opened):
    _, tab = opened(DRAG)
    box = tab.get_by_role("slider", name="start", exact=True).locator("circle").last.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = controls(tab)
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x - 40, y + 20, steps=4)
    tab.mouse.up()
    after = settled(tab)
    assert after["gentle0"] < before["gentle0"] - 1
    assert after["steep0"] < before["steep0"] - 0.2
    assert after["rate"] == before["rate"]
    tab.mouse.move(x, y)  # let go of
    assert settled(tab) == after


def test_a_handle_is_moved_with_the_arrow_keys(opened):
    """By a hundredth of the axis, with shift by a tenth; the page does not scroll, and the ends hold."""
    _, tab = opened(DRAG)
    handle = tab.get_by_role("slider", name="start", exact=True)
    handle.focus()
    before = controls(tab)
    tab.keyboard.press("ArrowLeft")
    once = settled(tab)
    assert np.isclose(before["gentle0"] - once["gentle0"], 0.2)
    tab.keyboard.press("Shift+ArrowUp")
    assert np.isclose(settled(tab)["steep0"] - before["steep0"], 0.6)
    for _ in range(60):
        tab.keyboard.press("Shift+ArrowLeft")
    assert settled(tab)["gentle0"] == -10
    assert handle.get_attribute("aria-valuetext").startswith("-10, ")
    assert tab.evaluate("window.scrollY") == 0


def test_a_line_with_one_coordinate_goes_along_with_either_pair_of_keys(opened):
    _, tab = opened(DRAG)
    tab.get_by_role("slider", name="rate", exact=True).focus()
    before = controls(tab)["rate"]
    tab.keyboard.press("ArrowUp")
    assert np.isclose(settled(tab)["rate"] - before, 0.005)
    tab.keyboard.press("ArrowLeft")
    assert np.isclose(settled(tab)["rate"], before)


def test_a_handle_is_dragged_with_a_finger(tab, tmp_path):
    made = pages.figure(DRAG)
    file = tmp_path / "touch.html"
    file.write_text(pages.page({DRAG: made}), "utf8")
    context = tab.context.browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    touched = context.new_page()
    touched.goto(file.as_uri())
    touched.wait_for_selector("lr-figure.ready")
    handle = touched.get_by_role("slider", name="start", exact=True)
    handle.scroll_into_view_if_needed()
    box = handle.locator("circle").last.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before, scrolled = controls(touched), touched.evaluate("window.scrollY")
    session = context.new_cdp_session(touched)
    for kind, dx in (("touchStart", 0), ("touchMove", -20), ("touchMove", -60), ("touchEnd", None)):
        points = [] if dx is None else [{"x": x + dx, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert settled(touched)["gentle0"] < before["gentle0"] - 2
    assert touched.evaluate("window.scrollY") == scrolled
    context.close()


def test_a_button_goes_to_what_is_derived_and_another_puts_all_back(opened):
    _, tab = opened(DRAG)
    before = controls(tab)
    tab.get_by_role("button", name="fastest rate").click()
    assert settled(tab)["rate"] == 2 / 11
    tab.get_by_role("button", name="gentle").click()
    settled(tab)  # it is drawn in the next frame
    assert tab.get_by_role("button", name="gentle").get_attribute("aria-pressed") == "false"
    assert tab.locator("lr-figure path.line[d='']").count() == 1
    tab.get_by_role("button", name="Reset").click()
    assert settled(tab) == before
    assert tab.locator("lr-figure path.line[d='']").count() == 0


def test_a_number_is_typed_exactly_and_kept_in_its_range(opened):
    _, tab = opened(DRAG)
    field = tab.get_by_label("learning rate, exactly")
    for typed, kept in (("0.123456789", 0.123456789), ("7", 0.5), ("-1", 0.002)):
        field.fill(typed)
        field.press("Enter")
        assert settled(tab)["rate"] == kept
    field.fill("")
    field.press("Enter")
    assert settled(tab)["rate"] == 0.002


def test_the_address_holds_the_state_and_a_link_restores_it(opened):
    _, tab = opened("fig-cos-live")
    tab.get_by_label("horizon T, exactly").fill("777")
    tab.get_by_label("horizon T, exactly").press("Enter")
    tab.get_by_label("after T").select_option("runs on")
    tab.wait_for_timeout(450)
    state = tab.evaluate("location.hash")
    assert state == "#fig-cos-live~horizon=777~then=runs%20on"
    _, tab = opened("fig-cos-live", state)
    assert controls(tab)["horizon"] == 777
    assert controls(tab)["then"] == "runs on"
    assert tab.get_by_label("after T").input_value() == "runs on"
    tab.get_by_role("button", name="Reset").click()
    tab.wait_for_timeout(450)
    assert tab.evaluate("location.hash") == ""


@pytest.mark.parametrize(
    "state",
    [
        "#fig-cos-live~horizon=nonsense~then=up~rate=3~~=",
        "#fig-cos-live~horizon=%",
        "#fig-x~horizon=3",
        "#fig-cos-live",
    ],
)
def test_a_link_with_nonsense_leaves_the_figure_as_it_is(state, opened):
    made, tab = opened("fig-cos-live", state)
    assert controls(tab) == {control.name: control.value for control in made.controls}
    assert not tab.faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_figures_are_accessible_and_fit(width, scheme, tab, tmp_path):
    """No violation of WCAG 2.2 A or AA, nothing wider than the page, no letters below 9 pixels."""
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "all.html"
    dark = "@media(prefers-color-scheme:dark){html{background:#121212;color:#ddd}}"
    style = f"<style>html{{background:#fff;color:#222}}{dark}</style>"
    theme = f"<script>document.documentElement.dataset.theme = '{scheme}'</script>"
    file.write_text(
        pages.page({name: pages.figure(name) for name in FIGURES}).replace(
            "<main>", style + theme + "<main>"
        ),
        "utf8",
    )
    context = tab.context.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    seen = context.new_page()
    seen.goto(file.as_uri())
    ready = f"document.querySelectorAll('lr-figure.ready').length == {len(FIGURES)}"
    seen.wait_for_function(ready)
    found = Axe().run(seen, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 10, "rules that were looked at"
    assert seen.evaluate("document.documentElement.scrollWidth") <= width
    letters = (
        "[...document.querySelectorAll('lr-figure *')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert seen.evaluate(f"Math.min(...{letters})") >= 9
    context.close()
