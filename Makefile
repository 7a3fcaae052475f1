.DEFAULT_GOAL := help
.PHONY: help install run client proto test test-checker test-cluster check format engines distributed bench bench-distributed chaos audit soak openapi lock clean

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
NODE := ! $(BIN)/python hatch_build.py needs-node || $(PIP) --require-hashes -r requirements-node.txt
PORT ?= 8080
DATA_DIR ?= data
MINUTES ?= 5
MODE ?= embedded
REPORT ?= .cache/chaos/$(MODE)

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/run client .venv/tools proto ## Set everything up: the product, the tools of its tests, a browser for them

run: .venv/run client ## Serve the chat on http://localhost:8080 (PORT=, DATA_DIR=)
	@exec $(BIN)/randomchat up --port $(PORT) --data-dir $(DATA_DIR)

client: .venv/run ## Build the browser client, where its sources have changed
	@$(NODE)
	@$(BIN)/python hatch_build.py client

proto: .venv/dev ## Generate the Python of api/proto, where that has changed
	@$(BIN)/python hatch_build.py proto

test: .venv/tools client proto ## Run every test that this machine can run
	@$(BIN)/python -m cluster fetch
	@$(BIN)/python -m pytest

test-checker: .venv/dev ## Try the judge of delivery first: every fault that is planted must be found
	@$(BIN)/python -m pytest -q tests/reliability/test_checker.py tests/reliability/test_searches.py tests/reliability/test_line.py

test-cluster: .venv/tools client proto ## Run what takes minutes: outages of 30 s, and three brokers, Cassandra nodes and Redis masters, of which some die
	@$(BIN)/python -m cluster fetch
	@$(BIN)/python -m pytest -m cluster

check: .venv/tools client proto ## Check format, lint, types, the borders between packages and the weight of the browser client
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@cd frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check

format: .venv/dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

engines: .venv/dev ## Run Kafka, Cassandra, Redis and S3 for a trial until Ctrl-C (ENGINES="--three --wipe --data DIR")
	@exec $(BIN)/python -m cluster engines --with-parent $(ENGINES)

distributed: .venv/dev client proto ## Run all services on all engines behind nginx, for a trial, on http://localhost:8080 (PORT=, ENGINES=)
	@exec $(BIN)/python -m cluster distributed --with-parent --port $(PORT) $(ENGINES)

bench: .venv/dev ## Measure cost, latency, memory and matching
	@$(BIN)/python -m benchmarks

bench-distributed: .venv/dev ## Measure the same of all services and engines on this machine
	@$(BIN)/python -m benchmarks.distributed

chaos: .venv/dev client proto ## Make trouble under load, and judge what people saw (MINUTES=, SEED=, MODE=embedded|distributed, REPORT=)
	@$(BIN)/python -m tests.reliability.chaos --minutes $(MINUTES) --mode $(MODE) $(SEED:%=--seed %) $(THREE:%=--three) \
	  --report $(REPORT)

audit: .venv/tools .cache/audit ## Ask what is known of holes in the dependencies; what can't be asked is said
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.security.audit .cache/audit/bin/pip-audit

soak: .venv/dev ## Come and go without end, and see that memory stays flat (MINUTES=)
	@$(BIN)/python -m benchmarks.abuse soak --minutes $(MINUTES)

openapi: .venv/tools ## Write api/, docs/reference/ and the browser client's types anew from the code
	@for service in user match chat uploader; do $(BIN)/randomchat openapi $$service > api/openapi/$$service.json; done
	@$(BIN)/randomchat frames > api/frames.schema.json
	@$(BIN)/randomchat config doc > docs/reference/settings.md
	@$(BIN)/randomchat errors > docs/reference/errors.md
	@cd frontend && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent generate

lock: ## Pin the dependencies anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group build pyproject.toml -o requirements.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group pyproject.toml:node -o requirements-node.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group dev --extra distributed -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## Remove everything that was built or installed here; the data folder stays
	rm -rf .venv .cache dist frontend/node_modules src/randomchat/web/dist src/randomchat/interfaces/pb .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -m venv .venv

.cache/audit:
	@$(PYTHON) -m venv $@
	@$@/bin/pip install -q --disable-pip-version-check pip-audit==2.10.1 || { rm -rf $@; exit 1; }

.venv/run: requirements.txt pyproject.toml | .venv/bin/python
	@echo "Installing randomchat (once) ..."
	@$(PIP) --require-hashes -r requirements.txt
	@$(NODE)
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements-dev.txt .venv/run
	@echo "Installing the tools for tests (once) ..."
	@$(PIP) --require-hashes -r requirements-dev.txt
	@sh tests/install-browser.sh
	@touch $@

.venv/tools: frontend/package-lock.json .venv/dev
	@$(BIN)/python hatch_build.py tools
	@touch $@
