# Every target a person types; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# A machine that is told to keep no bytecode compiles our 600 modules again in each process and the tests' in each worker:
# half of a start and of a test run. What is empty counts as not set.
export PYTHONDONTWRITEBYTECODE :=

# Seconds for each target of `make fuzz`; folder of `make bench-target`, as DIR=… or as a word behind the target.
SECONDS ?= 60
TARGET_DIR := $(or $(DIR),$(filter-out bench-target bench-target-stop,$(MAKECMDGOALS)))
ifneq ($(filter bench-target bench-target-stop,$(MAKECMDGOALS)),)
$(filter-out bench-target bench-target-stop,$(MAKECMDGOALS)):
	@:
endif

# The first candidate that *runs* and is new enough: under pyenv `command -v python3.13` can succeed while running it fails.
define FIND_PYTHON
for candidate in "$${PYTHON:-}" python3.13 python3.14 python3.12 python3 "env PYENV_VERSION=3.13.0 python3" "env PYENV_VERSION=3.12.1 python3" /usr/local/bin/python3.13 /usr/local/bin/python3.12; do \
  [ -n "$$candidate" ] || continue; \
  if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then echo "$$candidate"; exit 0; fi; \
done; \
for dir in $$(ls -d "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[2-9]* 2>/dev/null | sort -rV); do \
  if "$$dir/bin/python3" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then echo "$$dir/bin/python3"; exit 0; fi; \
done; exit 1
endef

.PHONY: help run run-cells test venv bundles check check-code check-web check-host fmt fuzz bench bench-target stress clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

venv: $(STAMP) ## build .venv with everything in it (Python 3.12 or newer)

$(STAMP): pyproject.toml constraints.txt
	@python="$$($(FIND_PYTHON))" || { echo "Skerry needs Python 3.12 or newer with venv. Install it (Debian 13: apt install python3-venv), or name one: make PYTHON=/path/to/python3.13 $(MAKECMDGOALS)" >&2; exit 2; }; \
	  [ -x $(BIN)/python ] && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || { rm -rf $(VENV); $$python -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[host,dev]'
	$(BIN)/python -m compileall -q directory jurisdiction mailhost webadmin
	@touch $@

run: venv ## start cell is-1 on loopback with a demo tenant; prints addresses and one-time logins
	@exec $(BIN)/python manage.py serve --demo

run-cells: venv ## start cells is-1 and no-1 (ports + 10000) beside one directory, each witnessing the other
	@exec $(BIN)/python manage.py cells --demo

# The fast tests are two processes that share the folders, each with one core: who hands out single tests to workers has
# every worker read all of them, and takes a fifth of the time for itself.
FAST := $(BIN)/pytest -q -p no:xdist -p no:schemathesis -p no:cacheprovider -m 'not journey and not slow and not postgres' --hypothesis-profile quick
# (Those that read the house's own text are together, so that it is read once.)
OF_THE_WEB := tests/webadmin tests/cli tests/architecture tests/guards tests/infra

check: venv ## format, lint, types, layers and the fast tests without sockets, with few examples a property
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check-code check-web check-host

check-code: venv
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo

check-web: venv
	$(FAST) $(OF_THE_WEB)

check-host: venv
	$(FAST) --ignore tests/journeys $(addprefix --ignore ,$(OF_THE_WEB))

tests/js/node_modules: tests/js/package-lock.json
	@command -v npm >/dev/null && npm --prefix tests/js ci --silent --no-audit --no-fund && touch $@ || echo "npm is missing: tests against the JavaScript age library are skipped"

webadmin/frontend/node_modules: webadmin/frontend/package-lock.json
	@command -v npm >/dev/null && npm --prefix webadmin/frontend ci --silent --no-audit --no-fund && touch $@ || echo "npm is missing: the browser's bundles are not built again"

bundles: webadmin/frontend/node_modules ## bundle the browser's JavaScript; the result is committed
	node webadmin/frontend/build.mjs

test: venv check-code tests/js/node_modules webadmin/frontend/node_modules ## the whole suite
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

fmt: venv ## format and fix what can be fixed
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .

fuzz: venv ## fuzz every parser for SECONDS (60) each, guided by coverage
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[host,dev,fuzz]'
	for target in $(basename $(notdir $(wildcard tests/fuzz/fuzz_*.py))); do echo "== $$target" && $(BIN)/python -m tests.fuzz.$$target -max_total_time=$(SECONDS) -timeout=10 || exit 1; done

bench: venv ## time the hot paths and say where the microseconds go
	for bench in message seal decisions geo imap_engine smtp; do echo "== $$bench" && $(BIN)/python -m tests.bench.bench_$$bench || exit 1; done

bench-target: venv ## start a cell of 100 users for a load generator: make bench-target DIR=/tmp/target; ends with bench-target-stop
	$(BIN)/python -m tests.bench.target start $(TARGET_DIR)

bench-target-stop: venv ## end the cell that bench-target started in DIR
	$(BIN)/python -m tests.bench.target stop $(TARGET_DIR)

stress: venv ## random commands from ten IMAP clients against a model; all that schemathesis can think of against the API
	EVERY_CASE=1 $(BIN)/pytest -q -n 0 tests/imap/test_stress.py tests/webadmin/api/test_description.py

clean: ## remove what make built (not var/, which holds mail)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
