# make demo : set up, sync the sandbox company, open the chat
# make test : set up, run every test

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8000
# uv installs the same locks in a tenth of the time, where it is there
INSTALL := $(if $(shell command -v uv),uv pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check)

.PHONY: demo test setup setup-dev lint format bench docs clean

demo: setup ## the chat on the sandbox company
	$(BIN)/tenor demo --port $(PORT)

test: setup-dev ## every test
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

setup: $(VENV)/.ready ## the commands `tenor` and `tenor-sync`, into .venv

setup-dev: $(VENV)/.ready-dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "Tenor needs Python 3.11 to 3.13; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing Tenor into $(VENV) (about a minute the first time) ..."
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# the lock for developers holds all of the other one
$(VENV)/.ready-dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(VENV)/.ready $@

lint: setup-dev ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev ## ratios against hand-written SQL, side by side in one run
	$(BIN)/python benchmarks/compile_and_run.py

docs: setup-dev ## write the generated pages and schemas again
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) .tenor .files .mypy_cache .ruff_cache .pytest_cache .hypothesis
