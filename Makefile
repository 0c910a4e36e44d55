# Two commands from a bare clone: `make run` and `make test`. Each installs what it needs into .venv.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run install format lint types imports test cover check bench clean

help:  ## Show these lines
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

run: .venv/.run  ## Serve the guestbook at http://127.0.0.1:8000
	@cd examples/guestbook && ../../$(BIN)/python app.py

install: .venv/.dev  ## Install everything that working on Lback needs

format: .venv/.dev  ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

lint: .venv/.dev  ## Check style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/.dev  ## Check types
	@$(BIN)/mypy

imports: .venv/.dev  ## Check that imports point down the floors
	@$(BIN)/lint-imports --no-logo

test: .venv/.dev  ## Run the tests
	@$(BIN)/pytest $(ARGS)

cover: .venv/.dev  ## Run the tests and show which branches none of them takes
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --fail-under=95
	@$(BIN)/coverage report --include='lback/core/*' --fail-under=100

check: lint types imports  ## Check style, types and floors

bench: benchmarks/.venv/.ready  ## Measure Lback beside other frameworks; ARGS="--store" keeps it
	@benchmarks/.venv/bin/python benchmarks/run.py $(ARGS)

clean:  ## Remove what the other commands made
	@rm -rf .venv benchmarks/.venv benchmarks/.compiled .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lback needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ echo "The venv module is missing; on Debian: apt install python3-venv"; exit 1; }

.venv/.run: .venv/bin/python pyproject.toml
	@echo "Installing Lback into .venv"
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.dev: .venv/bin/python pyproject.toml
	@echo "Installing Lback and the tools for its tests into .venv"
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@ .venv/.run

# What Lback is measured beside never gets into its own environment.
benchmarks/.venv/.ready: benchmarks/requirements.txt benchmarks/requirements-compiled.txt
	@echo "Installing the frameworks to measure beside into benchmarks/.venv"
	@$(PYTHON) -m venv benchmarks/.venv
	@benchmarks/.venv/bin/pip install --quiet --quiet --disable-pip-version-check \
		--requirement benchmarks/requirements.txt --editable .
	@benchmarks/.venv/bin/pip install --quiet --quiet --disable-pip-version-check --upgrade \
		--no-deps --target benchmarks/.compiled --requirement benchmarks/requirements-compiled.txt
	@touch $@
