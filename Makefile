# Two commands for a newcomer: `make demo` and `make test`. Both make .venv first.
UV := $(shell command -v uv 2>/dev/null)
PY ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready

help:  ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@echo "installing into .venv, about a minute the first time"
ifdef UV
	test -x $(BIN)/python || uv venv --python $(PY) .venv
	uv pip install -q --python $(BIN)/python -e ".[dev]"
else
	test -x $(BIN)/python || $(PY) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[dev]"
endif
	@touch $@

setup: $(READY)  ## make .venv and install everything

demo: $(READY)  ## start the service, submit the example over REST, print ranked plans
	@$(BIN)/python examples/demo.py

test: $(READY)  ## run every test that needs no outside server, but for the long ones
	$(BIN)/pytest -q -n 2 -m "not long"

test-long: $(READY)  ## run the long tests: faults by counting, generated requests, PostgreSQL
	$(BIN)/pytest -q -n 2 -m long

check: $(READY)  ## formatting, lint, types, layering, spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/codespell

serve: $(READY)  ## run the service on an embedded SQLite database
	$(BIN)/shardwright serve

docs: $(READY)  ## rebuild the generated parts of docs/
	$(BIN)/python docs/generate.py

bench: $(READY)  ## print the benchmark tables
	$(BIN)/python benchmarks/search_speed.py

.PHONY: help setup demo test test-long check serve docs bench
