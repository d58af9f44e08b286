# make demo, make test and make lint set up .venv on their first call; later calls install nothing.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
SOURCES := genrebench backends experiments tests

.PHONY: help setup demo test lint format clean

help:
	@echo "make demo    go the whole way on synthetic audio: preprocess, train, infer (about 2 minutes)"
	@echo "make test    run all tests"
	@echo "make lint    check format, style, docstrings and types"
	@echo "make format  format the code"
	@echo "make clean   remove .venv and caches"

setup: $(INSTALLED)

demo: $(INSTALLED)
	$(VENV)/bin/genrebench demo --folder genrebench-demo

test: $(INSTALLED)
	$(VENV)/bin/python -m pytest

lint: $(INSTALLED)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/numpydoc lint $$(find $(SOURCES) -name '*.py')
	$(VENV)/bin/mypy

format: $(INSTALLED)
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache genrebench-demo

# The last line is reached only if all before it worked, so a broken installation is tried again.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "genrebench: expected Python 3.11 or newer, received $$($(PYTHON) --version 2>&1); try make PYTHON=python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	@touch $@
