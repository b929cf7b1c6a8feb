# Needs Python 3.11 or newer and make; everything else goes into .venv, from lock files with hashes.

PYTHON ?= $(firstword $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python"; done))
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help run test crash simulate check bench bench-quick lock docs migration clean

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: .venv/.runs ## start the demo on http://127.0.0.1:8080
	@exec $(BIN)/teamcredits demo

test: .venv/.develops ## run every test, on SQLite and on a PostgreSQL of its own (TESTS=tests/store for some)
	@$(BIN)/pytest -n 2 --dist worksteal $(TESTS)

crash: .venv/.develops ## kill servers and databases under load, ROUNDS=1000 times (SEED=n repeats one's dice)
	@CRASH_ROUNDS=$(or $(ROUNDS),1000) CRASH_SEED=$(SEED) $(BIN)/pytest -n 2 --timeout 0 -rP tests/crash

simulate: .venv/.develops ## live through SEEDS=1000 simulated months (DATABASE=postgresql for some; SEED=7 for one, step by step)
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),1000) --database $(or $(DATABASE),sqlite) $(if $(SEED),--seed $(SEED))

check: .venv/.develops ## lint, format, types, layers, and the schema's history
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@rm -rf var/check && mkdir -p var/check
	$(BIN)/alembic -q -x url=sqlite:///var/check/schema.db upgrade head
	$(BIN)/alembic -q -x url=sqlite:///var/check/schema.db check
	@rm -rf var/check

bench: .venv/.develops ## measure the ledger against its databases, durable; writes benchmarks/results/latest.json
	@$(BIN)/python -m benchmarks --markdown var/bench.md

bench-quick: .venv/.develops ## the same, smaller, in about a minute; writes var/bench-quick.json
	@$(BIN)/python -m benchmarks --quick --json var/bench-quick.json

docs: .venv/.develops ## write docs/settings.md from the code
	@$(BIN)/python -m tests.support.settings_page

migration: .venv/.develops ## write the next revision of the schema: make migration NAME="what changes"
	@rm -rf var/check && mkdir -p var/check
	@$(BIN)/alembic -q -x url=sqlite:///var/check/schema.db upgrade head
	@$(BIN)/alembic -x url=sqlite:///var/check/schema.db revision --autogenerate -m "$(NAME)" \
		--rev-id "$$(printf %04d $$(($$(ls core/store/migrations/versions/0*.py | wc -l) + 1)))"
	@rm -rf var/check

lock: .venv/.develops ## resolve pyproject.toml anew into the two lock files; UPGRADE=--upgrade takes newer releases
	$(LOCK) $(UPGRADE) --extra server --extra bot --extra lsp --extra build -o requirements.lock
	$(LOCK) $(UPGRADE) --extra dev -c requirements.lock -o requirements-dev.lock

clean: ## remove what was built; the ledger under var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var/check
	find core bot lsp tests -name __pycache__ -prune -exec rm -rf {} +

# Each stamp is written last, so that an interrupted start begins again where it must.
.venv/.made:
	@test -n "$(PYTHON)" || { echo "teamcredits needs Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@touch $@

.venv/.runs: requirements.lock pyproject.toml | .venv/.made
	@echo "Installing the packages of $< ..."
	@$(PIP) install --require-hashes -r $<
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.develops: requirements-dev.lock pyproject.toml | .venv/.made
	@echo "Installing the packages of $< ..."
	@$(PIP) install --require-hashes -r $<
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch .venv/.runs $@
