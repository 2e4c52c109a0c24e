"""What the tests share: how generated examples are drawn, a JavaScript engine, and a browser."""

import browser
import pytest
from hypothesis import settings

# derandomize: the same examples in every run, so that a failure is never luck; no deadline: the
# machine is shared. `hypothesis` finds new examples with --hypothesis-profile=default.
settings.register_profile("lrbook", deadline=None, derandomize=True, max_examples=50, database=None)
settings.load_profile("lrbook")


collect_ignore = ["typed"]  # read by a type checker, and wrong on purpose


@pytest.fixture(scope="session")
def javascript():
    """Evaluate a JavaScript expression in V8, the engine of a reader's browser."""
    from py_mini_racer import MiniRacer

    engine = MiniRacer()
    yield engine.eval
    engine.close()


@pytest.fixture(scope="module")
def chromium():
    """A browser of the machine's, or the test is skipped."""
    path = browser.find()
    if path is None:
        pytest.skip(browser.MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=browser.ARGUMENTS)
        yield running
        running.close()
