# `make demo` and `make test` need nothing but Linux and Python 3.11, 3.12 or 3.13.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
# Modules are compiled when they are first imported: most of these packages' never are.
INSTALL := $(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check -c constraints.txt
# Two workers; the tests of a file stay together, since they share its fixtures.
PYTEST := python -m pytest --numprocesses 2 --dist loadfile

.PHONY: demo test test-slow test-all test-min test-pre lint format docs release clean

demo: $(READY)
	$(BIN)/keras-selectivity demo --output demo --resume

test: $(DEV)
	$(BIN)/$(PYTEST) -m "not slow"

test-slow: $(DEV)
	$(BIN)/$(PYTEST) -m slow

test-all: test test-slow

# The oldest versions that pyproject.toml allows: wheels of all of them exist for Python 3.11.
test-min: .venv-min/.ready
	.venv-min/bin/$(PYTEST) -W default

# The newest Keras, not yet released.
test-pre: .venv-pre/.ready
	.venv-pre/bin/$(PYTEST) -W default

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The documentation in site/, with its tutorials executed; a warning or a broken link stops it.
docs: $(DEV)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

# An sdist and a wheel in dist/, checked: what they hold, how they describe themselves, and the sdist by its own tests.
release: .venv-release/.ready
	rm -rf dist
	.venv-release/bin/python -m build --outdir dist .
	.venv-release/bin/python -m twine check --strict dist/*
	@! .venv-release/bin/python -m zipfile --list dist/*.whl | grep -vE '^(File Name|keras_selectivity)' || { \
	  echo "The wheel holds more than the package."; exit 1; }
	rm -rf build/release && mkdir -p build/release && tar -xf dist/*.tar.gz -C build/release --strip-components 1
	$(MAKE) -C build/release test

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "No '$(PYTHON)' found. Install Python 3.11, 3.12 or 3.13, or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "$$($(PYTHON) --version) will not do: Python 3.11, 3.12 or 3.13 is needed. Name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) -e '.[tensorflow]' || { \
	  echo "Installing failed; the reason stands above. Is there a way to the package index?"; exit 1; }
	@touch $@

$(DEV): $(READY)
	$(INSTALL) -e '.[dev]' || { \
	  echo "Installing failed; the reason stands above. Is there a way to the package index?"; exit 1; }
	@touch $@

.venv-min/.ready: pyproject.toml constraints-min.txt
	$(PYTHON) -m venv --clear .venv-min
	.venv-min/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-min.txt -e '.[test]'
	@touch $@

.venv-release/.ready: constraints.txt
	$(PYTHON) -m venv --clear .venv-release
	.venv-release/bin/python -m pip install --quiet --disable-pip-version-check build twine
	@touch $@

# Made anew each time: there is one every night.
.venv-pre/.ready: FORCE
	$(PYTHON) -m venv --clear .venv-pre
	.venv-pre/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	.venv-pre/bin/python -m pip uninstall --quiet --yes keras
	.venv-pre/bin/python -m pip install --quiet --disable-pip-version-check --pre --no-deps keras-nightly
	@touch $@

FORCE:

clean:
	rm -rf $(VENV) .venv-min .venv-pre .venv-release demo site build dist *.egg-info
