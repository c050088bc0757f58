# `make` alone lists what there is. Needs Python 3.11 or newer with venv, and nothing else.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up test check drift format bench chaos lock clean reset

PYTHON := $(shell for name in python3.11 python3 python3.12 python3.13; do \
	$$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes
SUPERVISOR := $(BIN)/python -m config.supervisor
COMPILE := ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url $(if $(UPGRADE),--upgrade)

# Processes that tests run in; each has a database of its own.
WORKERS ?= 2

help: ## List the commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

up: $(VENV)/runtime.stamp ## Run the system in the foreground (PORT, SIMULATOR_PORT, DATA_DIR, DEMO=0)
	@exec $(SUPERVISOR) up --under-make

test: $(VENV)/development.stamp ## Run the tests (QUICK=1 leaves out the long ones, ARGS=… goes to pytest)
	@$(SUPERVISOR) with-test-services -- $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup \
		$(if $(QUICK),-m "not long") $(ARGS)

check: $(VENV)/development.stamp ## Check form, types, imports, and that migrations and schemas are up to date
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@$(SUPERVISOR) with-test-services -- $(MAKE) --no-print-directory drift

drift: $(VENV)/development.stamp
	$(BIN)/python manage.py check
	DATABASE_ROLE=owner $(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py schema

format: $(VENV)/development.stamp ## Put the code in form
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

bench: $(VENV)/development.stamp ## Measure (NAME=… for one), print a table, write DATA_DIR/bench.json
	@$(BIN)/python -m tests.benchmarks $(NAME)

chaos: $(VENV)/development.stamp ## Kill parts of a real system while it reads (ROUNDS=200, SEED=…; FIRST=… the first round)
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(FIRST),--first $(FIRST))

lock: $(VENV)/development.stamp ## Write the locks of requirements/*.in anew (UPGRADE=1 to newer versions)
	cd requirements && $(COMPILE) runtime.in --output-file runtime.txt
	cd requirements && $(COMPILE) development.in --output-file development.txt

clean: ## Remove what was installed and cached, and the test suite's servers. Keeps DATA_DIR
	@if [ -x $(BIN)/python ]; then $(SUPERVISOR) stop-test-services; fi
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

reset: $(VENV)/runtime.stamp ## Delete the data of a stopped system
	@$(SUPERVISOR) reset

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "This needs Python 3.11 or newer with its venv module" \
		"(on Debian and Ubuntu: python3 and python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: requirements/runtime.txt | $(VENV)/bin/python
	@echo "Installing what the product needs …"
	@$(PIP_INSTALL) -r requirements/runtime.txt
	@touch $@

$(VENV)/development.stamp: requirements/development.txt $(VENV)/runtime.stamp
	@echo "Installing what development needs …"
	@$(PIP_INSTALL) -r requirements/development.txt
	@touch $@
