# The commands of the book. Each works without make too: what make runs, it prints.
PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.ready
BENCH  := .venv-bench
BUILD  := $(VENV)/bin/jupyter-book build book --path-output . --config _config.yml --toc "$(CURDIR)/_toc.yml" -W -n --keep-going
BUILT  := $(addprefix tests/test_,book.py exercises.py figures.py pages.py readers.py paper.py freshness.py)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DEFAULT_GOAL := help
.PHONY: help book test env lint types unit built nbval lab notebooks practice pdf epub serve lock script bench mutants clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "They need Python 3.11 or later; make PYTHON=/path/to/python3 book picks one."

book: $(READY)  ## build the book: runs what changed, writes _build/html
	$(BUILD)
	@echo
	@echo "The book is built. Open it: $(CURDIR)/_build/html/index.html"

test: lint types unit book built nbval  ## check everything: code, book, pages, every output
	@$(PY) tests/browser.py

env: $(READY)  ## make the virtual environment, .venv

lint: $(READY)  ## style of the code
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(READY)  ## types of lrbook
	$(PY) -m mypy

unit: $(READY)  ## tests, properties and doctests of lrbook, with coverage; again without machine code
	$(PY) -m pytest --cov --cov-report=term $(addprefix --ignore=,$(BUILT))
	LRBOOK_FAST=0 $(PY) -m pytest -q $(addprefix --ignore=,$(BUILT))

built: book  ## tests of the built book: facts, pages in a browser, freshness
	$(PY) -m pytest $(wildcard $(BUILT))

nbval: book  ## run every notebook again, in an empty folder and without machine code, and compare every output
	LRBOOK_FAST=0 $(PY) tests/elsewhere.py

lab: $(READY) notebooks  ## open the chapters as notebooks in JupyterLab
	$(PY) -m jupyterlab notebooks

notebooks: book  ## copy every executed notebook to notebooks/
	$(PY) book/hand_out.py notebooks

serve: book  ## show the built book on localhost:8000
	$(PY) -m http.server --bind 127.0.0.1 --directory _build/html 8000

lock: $(READY)  ## make requirements.txt again from pyproject.toml, at the newest versions
	$(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --generate-hashes \
	  --fork-strategy fewest --no-emit-index-url --no-annotate --upgrade --quiet \
	  --custom-compile-command "make lock" -o requirements.txt

practice: book  ## copy the exercises, without solutions, to practice/
	$(PY) book/hand_out.py practice

pdf: book  ## print the whole book into one PDF, with Chromium
	$(PY) book/paper.py pdf

epub: book  ## write the whole book as an EPUB
	$(PY) book/paper.py epub

script:  ## make lrbook/live.js again from live/, with Node
	cd live && npm ci --no-audit --no-fund && npm test && npm run build

bench: book $(BENCH)/.ready  ## measure lrbook beside PyTorch, optax and JAX; its figures; its pages
	$(BENCH)/bin/python benchmarks/speed.py
	$(PY) benchmarks/races.py
	$(PY) benchmarks/live.py
	$(PY) benchmarks/pages.py

mutants: $(READY)  ## break lrbook line by line, and see whether the tests notice
	$(PY) tests/mutants.py

$(BENCH)/.ready: benchmarks/requirements.txt pyproject.toml
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet -r benchmarks/requirements.txt
	@touch $@

clean:  ## remove all that was made, but for the environment and what you work in
	rm -rf _build build .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
	  echo "The book needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Install one, or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --no-deps --require-hashes -r requirements.txt
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	$(PY) -m pip check
	@touch $@
