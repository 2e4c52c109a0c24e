"""For every test, those inside the notebooks included: one thread, as when the book is built."""

import os

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _numpy_in_examples(doctest_namespace):
    """Docstrings say ``np`` as every page does, without importing it each time."""
    import numpy as np

    doctest_namespace["np"] = np
