# Two commands for a fresh machine with Python 3.11 and git: `make demo` and `make test`.
PYTHON ?= python3.11
ifeq (,$(shell command -v $(PYTHON) 2>/dev/null))
PYTHON := python3
endif
# A machine that keeps no compiled modules would compile this app anew in each of the hundreds of processes of a test run.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=

.PHONY: demo test check coverage test-all bench lock clean

demo: $(VENV)/.app
	$(BIN)/fhir-plugin demo $(ARGS)

test: $(VENV)/.dev check
	$(BIN)/python -m pytest -n auto --dist loadgroup --durations=40 --durations-min=5 $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Which lines and branches the tests pass through. Apart from `test`, because measuring takes nearly as long again.
coverage: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist loadgroup --cov --cov-report=term $(ARGS)

# The on-demand versions of what `make test` samples: every kill point, 20,000 mutated uploads.
test-all: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist loadgroup --exhaustive $(ARGS)

bench: $(VENV)/.app
	$(BIN)/fhir-plugin bench $(ARGS)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements/app.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements/app.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements/dev.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/.app

# Hashes for every platform, no registry address in the files.
lock:
	uv pip compile pyproject.toml --all-extras --group dev --generate-hashes --no-annotate --no-header --python-version 3.11 --universal -q -o requirements/dev.lock
	uv pip compile pyproject.toml --extra sandbox --extra video --group build --constraint requirements/dev.lock --generate-hashes --no-annotate --no-header --python-version 3.11 --universal -q -o requirements/app.lock

clean:
	rm -rf $(VENV)
