# Every target a person types; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

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

.PHONY: help run test venv check fmt fuzz bench bench-target stress clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

venv: $(STAMP) ## build .venv with everything in it (Python 3.12 or newer)

$(STAMP): pyproject.toml constraints.txt
	@python="$$($(FIND_PYTHON))" || { echo "Skerry needs Python 3.12 or newer with venv. Install it (Debian 13: apt install python3-venv), or name one: make PYTHON=/path/to/python3.13 $(MAKECMDGOALS)" >&2; exit 2; }; \
	  [ -x $(BIN)/python ] && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || { rm -rf $(VENV); $$python -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[host,dev]'
	@touch $@

run: venv ## start cell is-1 on loopback with a demo tenant; prints addresses and one-time logins
	@exec $(BIN)/python manage.py serve --demo

check: venv ## format, lint, types, layers and the fast tests without sockets (under a minute)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q -n 2 -m 'not journey and not slow and not postgres'

tests/js/node_modules: tests/js/package-lock.json
	@command -v npm >/dev/null && npm --prefix tests/js ci --silent --no-audit --no-fund && touch $@ || echo "npm is missing: tests against the JavaScript age library are skipped"

test: venv tests/js/node_modules ## the whole suite
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q -n 2

fmt: venv ## format and fix what can be fixed
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .

clean: ## remove what make built (not var/, which holds mail)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
