"""For every test, those inside the notebooks included: one thread and one path, as when the book is built."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What the pages import beside lrbook stands in their folder, where the kernels that run them look.
BOOK = str(Path(__file__).parent / "book")
sys.path.insert(0, BOOK)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [BOOK, os.environ.get("PYTHONPATH")]))


@pytest.fixture(autouse=True)
def _numpy_in_examples(doctest_namespace):
    """Docstrings say ``np`` as every page does, without importing it each time."""
    import numpy as np

    doctest_namespace["np"] = np
