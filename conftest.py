"""For every test, those inside the notebooks included: one thread, as when the book was built."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
