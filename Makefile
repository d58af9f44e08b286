# Every target sets up .venv on its first call; later calls install nothing.

PYTHON ?= python3
# Processes that share the tests: make test JOBS=8
JOBS ?= 2
VENV := .venv
INSTALLED := $(VENV)/.installed
SOURCES := genrebench backends experiments tests
# A file's tests stay in one process, for what they share; tests/conftest.py has put the slow ones first.
SHARED := --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
PYTEST := $(VENV)/bin/python -m pytest $(SHARED)

.PHONY: help setup demo check test test-all coverage soak times fuzz kills mutants lowest lint style types format docs clean

help:
	@echo "make demo      go the whole way on synthetic audio: preprocess, train, infer (about 2 minutes)"
	@echo "make check     run the quick tests (under a minute)"
	@echo "make test      test everything, a case or two of each kind (five minutes on two cores are the aim)"
	@echo "make test-all  run all tests, every case of everything"
	@echo "make coverage  run all tests, and print how much of the code they reach"
	@echo "make soak      run what must hold a hundred times in a row (about half an hour)"
	@echo "make times     run all tests and note how long each takes, which make check goes by"
	@echo "make fuzz      give every reader 10,000 damaged files (about half an hour; CASES=100 SEED=1 for others)"
	@echo "make kills     kill training at random moments, and go on (about an hour)"
	@echo "make mutants   change the numerics and the files room, and see whether tests notice (hours; SAMPLE=300)"
	@echo "make lowest    test the lowest versions that pyproject.toml allows (some 6 GB of packages)"
	@echo "make lint      check format, style, docstrings and types"
	@echo "make format    format the code"
	@echo "make docs      make the site of the documentation, in build/site; a warning is an error"
	@echo "make clean     remove .venv and caches"

setup: $(INSTALLED)

demo: $(INSTALLED)
	$(VENV)/bin/genrebench demo --folder genrebench-demo

# One thread each, in pytest itself and in all that it starts; tests/conftest.py says why.
check test test-all coverage soak times fuzz kills mutants lowest: export OMP_NUM_THREADS := 1
check test test-all coverage soak times fuzz kills mutants lowest: export OPENBLAS_NUM_THREADS := 1

check: $(INSTALLED)
	$(PYTEST) -m "not slow and not exhaustive and not soak"

test: $(INSTALLED)
	$(PYTEST) -m "not exhaustive and not soak"

test-all: $(INSTALLED)
	$(PYTEST)

coverage: $(INSTALLED)
	$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=json
	$(VENV)/bin/python .ci/thresholds.py coverage.json

soak: $(INSTALLED)
	$(PYTEST) -m soak --durations=5

times: $(INSTALLED)
	$(PYTEST) --junitxml=build/times.xml
	$(VENV)/bin/python .ci/times.py build/times.xml

CASES ?= 10000

fuzz: $(INSTALLED)
	$(VENV)/bin/python experiments/reliability/fuzz.py --cases $(CASES) $(if $(SEED),--seed $(SEED))

kills: $(INSTALLED)
	$(VENV)/bin/python experiments/reliability/kill_training.py
	$(VENV)/bin/python experiments/reliability/kill_training.py --overwrite

mutants: $(INSTALLED)
	$(VENV)/bin/python experiments/reliability/mutants.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

# In an environment of its own. A version as old may warn of what a newer one has instead: no test fails for that.
LOWEST := build/lowest
EXTRAS := torch,keras,onnx,tensorboard,mlflow,wandb,web,parquet,tag,cluster,remote,docs

lowest: $(INSTALLED)
	$(VENV)/bin/uv venv --quiet --clear --seed --python $(VENV)/bin/python $(LOWEST)
	sed -n '/^# tests/,/^$$/p' requirements.txt | $(VENV)/bin/uv pip install --quiet --python $(LOWEST) \
	  --resolution lowest-direct --editable '.[$(EXTRAS)]' --requirements -
	$(LOWEST)/bin/python -m pytest $(SHARED) -m "not exhaustive and not soak" -W ignore::DeprecationWarning

lint: style types

style: $(INSTALLED)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/numpydoc lint $$(find $(SOURCES) -name '*.py')

types: $(INSTALLED)
	$(VENV)/bin/mypy

format: $(INSTALLED)
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .coverage* coverage.json genrebench-demo build/site

# The last line is reached only if all before it worked, so a broken installation is tried again.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "genrebench: expected Python 3.11 or newer, received $$($(PYTHON) --version 2>&1); try make PYTHON=python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
	$(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	@touch $@
