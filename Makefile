# nnloop. `make help` lists the targets; every target sets up .venv first where it needs it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SLURM_FOLDER ?= /tmp/nnloop-slurm

.DEFAULT_GOAL := help
.PHONY: help install run test test-long test-slurm slurm-up slurm-down lint types bench attacks soak clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## set up .venv with nnloop and its development tools

# torch goes first and alone: pip then takes the build at hand for this machine, and the rest pulls nothing more.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

run: $(STAMP) ## the closed loop on a laptop: the tiny LLM writes diffs, the digits judge them (4 cycles of 24)
	$(BIN)/python -m nnloop llm=tiny dataset=digits mode=delta cycles=4 candidates=24 $(ARGS)

test: $(STAMP) ## the default tests, under 10 minutes on two cores
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-long: $(STAMP) ## the tests marked long
	$(BIN)/python -m pytest -m long $(ARGS)

test-slurm: $(STAMP) ## the tests on a SLURM of one node that they start (root, Debian's slurmctld slurmd slurm-client munge)
	$(BIN)/python -m pytest -m slurm $(ARGS)

slurm-up: $(STAMP) ## start that SLURM by itself, to try things on; prints how to talk to it
	$(BIN)/python tests/support/cluster.py up $(SLURM_FOLDER)

slurm-down: $(STAMP) ## end it
	$(BIN)/python tests/support/cluster.py down $(SLURM_FOLDER)

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check nnloop tests
	$(BIN)/ruff format --check nnloop tests

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

bench: $(STAMP) ## the benchmarks in tests/bench, one after the other
	@for script in tests/bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

attacks: $(STAMP) ## run the hostile networks and write their table (nnloop/sandbox/ATTACKS.md)
	$(BIN)/python tests/support/hostile.py table

soak: $(STAMP) ## 1,000 trials, a third of them hostile, or those that are left; keeps the result (tests/attacks/soak.json)
	$(BIN)/python tests/support/hostile.py soak

clean: ## remove .venv, caches and build files; outputs/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find nnloop tests -name __pycache__ -type d -exec rm -rf {} +
