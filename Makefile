# Two commands from a bare clone: `make run` and `make test`. Each installs what it needs into .venv.

# The environment of python3 is .venv. With PYTHON=python3.13, PYTHON=3.13 or a path it is .venv-3.13,
# so that several stand side by side.
ifeq ($(origin PYTHON),undefined)
PYTHON := python3
else
SUFFIX := -$(shell "$$(.ci/find-python '$(PYTHON)')" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
endif
VENV := .venv$(SUFFIX)
BIN := $(VENV)/bin
TOOLS := .venv-tools
# One file for every platform and every Python from 3.11 on; no address of a package index in it.
LOCK = $(TOOLS)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-config --custom-compile-command "make upgrade"
# Without byte code: Python writes that of the modules it uses, which is a part of them.
PIP_INSTALL := -m pip install --quiet --quiet --disable-pip-version-check --no-compile

.DEFAULT_GOAL := help
.PHONY: help run install format lint types imports test test-newest test-lowest test-random test-alone fuzz \
	faults cover check reference messages docs bench upgrade wheel clean

help:  ## List the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.run  ## Serve the guestbook at http://127.0.0.1:8000
	@cd examples/guestbook && ../../$(BIN)/python app.py

install: $(VENV)/.dev  ## Install everything needed to work on Lback

format: $(VENV)/.dev  ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix --quiet .

lint: $(VENV)/.dev  ## Check style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Check types
	@$(BIN)/mypy

imports: $(VENV)/.dev  ## Check that imports point down the layers
	@$(BIN)/lint-imports --no-logo

test: $(VENV)/.dev  ## Run the tests with the locked versions; PYTHON=3.13 takes another interpreter
	@$(BIN)/pytest $(ARGS)

test-newest: $(VENV)-newest/bin/python $(TOOLS)/.ready  ## Run the tests with the newest releases that pyproject.toml allows
	@$(TOOLS)/bin/uv pip install --quiet --python $(VENV)-newest --upgrade --editable '.[dev]' --group build
	@$(VENV)-newest/bin/pytest $(ARGS)

test-lowest: $(VENV)-lowest/bin/python $(TOOLS)/.ready  ## Run the tests with the lowest releases that pyproject.toml allows
	@$(TOOLS)/bin/uv pip install --quiet --python $(VENV)-lowest --upgrade --resolution lowest-direct \
		--editable '.[dev]' --group build
	@$(VENV)-lowest/bin/pytest $(ARGS)

test-random: $(VENV)/.dev  ## Run the tests in random order; SEED=7 repeats one
	@$(BIN)/pytest --random-order $(if $(SEED),--random-order-seed=$(SEED)) $(ARGS)

test-alone: $(VENV)/.dev  ## Run every test file by itself
	@$(BIN)/python -m tests.alone $(ARGS)

fuzz: $(VENV)/.dev  ## Fuzz every parser for SECONDS=60 each; ARGS="cookies json_body" chooses
	@nice $(BIN)/python -m tests.fuzz.run --seconds $(or $(SECONDS),60) $(ARGS)

faults: $(VENV)/.dev  ## Take away database, Redis and disk under load; ARGS="--log redis-cache" chooses
	@nice $(BIN)/python -m tests.faults.run $(ARGS)

cover: $(VENV)/.dev  ## Run the tests and list the branches that no test covers
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --fail-under=95
	@$(BIN)/coverage report --include='lback/core/*' --fail-under=100

check: lint types imports  ## Check style, types and imports

reference: $(VENV)/.dev  ## Write docs/reference from the docstrings
	@$(BIN)/python -m docs.site.reference

messages: $(VENV)/.dev  ## Update and compile the translations of the framework
	@$(BIN)/python -m lback.i18n.framework

docs: .venv-docs/.ready  ## Build the site of the documentation in build/docs and check its links
	@.venv-docs/bin/python -m docs.site.build build/docs

upgrade: $(TOOLS)/.ready  ## Write the newest releases that pyproject.toml allows into requirements/
	@$(TOOLS)/bin/uv --version
	@$(LOCK) --group build pyproject.toml --output-file requirements/run.txt
	@$(LOCK) --group build --extra dev pyproject.toml --constraints requirements/run.txt --output-file requirements/dev.txt
	@$(LOCK) --group docs --output-file requirements/docs.txt
	@$(LOCK) --group resolver --output-file requirements/resolver.txt
	@$(LOCK) --group build pyproject.toml benchmarks/requirements.in --constraints requirements/run.txt --output-file benchmarks/requirements.txt
	@$(LOCK) tests/api/mcp_client/requirements.in --output-file tests/api/mcp_client/requirements.txt
	@$(LOCK) --no-deps benchmarks/requirements-compiled.in --output-file benchmarks/requirements-compiled.txt

bench: benchmarks/.venv/.ready  ## Measure Lback beside other frameworks; ARGS="--store" keeps it
	@benchmarks/.venv/bin/python benchmarks/run.py $(ARGS)

wheel: $(VENV)/.dev  ## Build the wheel file of Lback in dist/ and show its hash
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@cd dist && sha256sum lback_web-*.whl

clean:  ## Delete what the other commands created
	@rm -rf .venv .venv-* benchmarks/.venv benchmarks/.compiled .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

$(VENV)/bin/python $(VENV)-newest/bin/python $(VENV)-lowest/bin/python:
	@python=$$(.ci/find-python '$(PYTHON)') && { "$$python" -m venv $(@D:/bin=) || \
		{ echo "The venv module is missing; on Debian: apt install python3-venv"; exit 1; }; }

# Every file that is installed has its hash in requirements/, the build backend's as well.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing Lback into $(VENV)"
	@$(BIN)/python $(PIP_INSTALL) --require-hashes --requirement requirements/run.txt
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing Lback and the tools for its tests into $(VENV)"
	@$(BIN)/python $(PIP_INSTALL) --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run

# The site needs no package that Lback needs, so the two never get in each other's way.
.venv-docs/.ready: requirements/docs.txt
	@echo "Installing the tools for the site into .venv-docs"
	@python=$$(.ci/find-python '$(PYTHON)') && "$$python" -m venv .venv-docs
	@.venv-docs/bin/python $(PIP_INSTALL) --require-hashes --requirement requirements/docs.txt
	@touch $@

# The resolver that writes the lock is locked itself.
$(TOOLS)/.ready: requirements/resolver.txt
	@python=$$(.ci/find-python '$(PYTHON)') && "$$python" -m venv $(TOOLS)
	@$(TOOLS)/bin/python $(PIP_INSTALL) --require-hashes --requirement requirements/resolver.txt
	@touch $@

# What Lback is measured beside never gets into its own environment.
benchmarks/.venv/.ready: benchmarks/requirements.txt benchmarks/requirements-compiled.txt
	@echo "Installing the frameworks to measure beside into benchmarks/.venv"
	@python=$$(.ci/find-python '$(PYTHON)') && "$$python" -m venv benchmarks/.venv
	@benchmarks/.venv/bin/python $(PIP_INSTALL) --require-hashes --requirement benchmarks/requirements.txt
	@benchmarks/.venv/bin/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@benchmarks/.venv/bin/python $(PIP_INSTALL) --upgrade --no-deps --target benchmarks/.compiled \
		--require-hashes --requirement benchmarks/requirements-compiled.txt
	@touch $@
