# Two commands are all a fresh machine needs: `make search` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

.PHONY: search demo test lint types slow minutes docs gpu-check echarts axe

# Files of npm packages: name@version, file, SHA-256 of the file, folder to copy it to.
ECHARTS := echarts@6.1.0 dist/echarts.common.min.js \
	61f13280aba3161f77fc801bf5f9c786f55f10432153a0683fc5cc0700b013d5 maenas/report/assets
AXE := axe-core@4.14.1 axe.min.js \
	29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c $(VENV)/share/axe-core
from_npm = set -e; set -- $(1); folder=$$(mktemp -d); \
	npm pack --silent --pack-destination $$folder $$1 > /dev/null; \
	tar -xzf $$folder/*.tgz -C $$folder; \
	echo "$$3  $$folder/package/$$2" | sha256sum --check --quiet -; \
	mkdir -p $$4; cp $$folder/package/$$2 $$4/; rm -r $$folder; echo "$$1: $$4"

search: $(VENV)/installed  ## the main job: a backbone for a detector that runs in 3.4 ms on a T4
	$(BIN)/maenas search --budget 3.4ms --device t4

demo: $(VENV)/installed  ## a small detector for this CPU, in ten minutes; ARGS=--resume continues
	$(BIN)/maenas run --input-size 160 --epochs 20 $(ARGS)

test: $(VENV)/installed  ## the default test suite
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

slow: $(VENV)/installed  ## the tests that take seconds each; `.ci/run` runs them too
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "slow and not minutes"

minutes: $(VENV)/installed  ## the tests that take minutes each, about an hour or two in all
	$(BIN)/python -m pytest -m minutes

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/mypy
	$(BIN)/python -m pytest -m types tests/test_packaging.py

docs: $(VENV)/installed  ## the documentation as a site, in build/site; nothing is loaded from a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

gpu-check:  ## what a GPU computes and how fast, into one JSON file; needs torch and no installation
	$(or $(wildcard $(BIN)/python),$(PYTHON)) -m benchmarks.gpu_check $(ARGS)

echarts:  ## fetch the library that draws the charts of reports, and check it
	@$(call from_npm,$(ECHARTS))

axe:  ## fetch the accessibility checker for the tests of reports, and check it
	@$(call from_npm,$(AXE))

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "maenas needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "installing maenas with torch and all development packages into $(VENV): 6 GB, some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@
