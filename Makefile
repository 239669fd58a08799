# `make run` and `make test` are all a newcomer needs: both set up .venv first.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test replay venv lock protos lint format build images test-stack clean

# The Python of .venv where there is one; else the first that starts and can make a virtual
# environment (a pyenv shim exists for each version, but not each of them starts); else the one whose
# refusal says what is missing.
PYTHON ?= $(shell for python in .venv/bin/python python3.11 python3.12 python3.13 python3; do \
	if $$python -c 'import ensurepip' 2>/dev/null; then echo $$python; exit; fi; done; echo python3)
VENV := .venv/bin
# More arguments for the command behind a target: make run ARGS=--tune
ARGS ?=
STACK ?= tfx-1.21
# Of images: what their names begin with, their tag (the version), and the image they are built on.
IMAGE ?= ringway
TAG ?=
BASE ?=

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: venv ## Train, judge and push the taxi model
	@$(VENV)/ringway run taxi $(ARGS)

test: venv ## Run the tests
	@$(VENV)/python -m pytest -q --durations=15 $(ARGS)

replay: venv ## Replay a year of flights against the loop and the server (under 45 minutes)
	@$(VENV)/ringway replay flights --from 2013-01 --to 2013-12 $(ARGS)

venv: ## Make .venv ready; at once when it is
	@$(PYTHON) setup/bootstrap.py

lock: venv ## Regenerate both locks (ARGS=--upgrade for newer releases)
	@$(VENV)/python setup/locks.py $(ARGS)

protos: venv ## Compile the messages of serving/wire/protos
	@$(VENV)/python -m grpc_tools.protoc -Iserving/wire/protos \
		--descriptor_set_out=serving/wire/protos/messages.binpb serving/wire/protos/*.proto

lint: venv ## Check style, types and import rules
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

format: venv ## Format the code and mend what can be mended
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

build: venv ## Build the package into dist/
	@$(VENV)/python -m build --no-isolation --outdir dist .

images: ## Build the images of pipelines and of the server, with Docker or buildah
	@$(PYTHON) setup/images.py --image "$(IMAGE)" --tag "$(TAG)" --base "$(BASE)" $(ARGS)

test-stack: ## Run the tests on a stack of your choice: make test-stack STACK=tfx-1.21
	@$(PYTHON) setup/stack_root.py $(STACK) $(ARGS)

clean: ## Remove .venv, caches and builds; runs and models under .ringway stay
	rm -rf .venv .venv.old .venv.lock build dist htmlcov .coverage .coverage.* coverage.xml
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -not -path './.ringway/*' -prune -exec rm -rf {} +
