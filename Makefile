# Two commands matter: `make demo` shows the main job, `make test` runs all the tests. Each sets itself up.
SHELL := /bin/sh
PYTHON_SOURCES := packages bench demo
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help demo test bench check types format lock clean

help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 16

demo: build/.ready ## A service breaks, people are paged, it is proven to be well again (under 3 minutes)
	@tools/debian.sh prometheus prometheus-alertmanager
	@python -m demo $(ARGS)

test: build/.ready check ## All the tests, with the checks before them
	@tools/debian.sh prometheus prometheus-alertmanager kubectl:kubernetes-client
	@python -m pytest $(ARGS)

bench: build/.ready ## Measure, with ratios against a baseline in the same run
	@tools/debian.sh prometheus-alertmanager wrk
	@python -m bench $(ARGS)

check: build/.ready ## Lint, types and the contracts of what may import what
	@ruff check $(PYTHON_SOURCES)
	@ruff format --check --quiet $(PYTHON_SOURCES)
	@mypy packages/tocsin/src packages/agentic-flow/src
	@lint-imports

format: build/.ready ## Write the code as the formatter wants it
	@ruff check --fix --quiet $(PYTHON_SOURCES); ruff format --quiet $(PYTHON_SOURCES)

lock: ## Choose newer versions of the dependencies and write them down
	@UV_PYTHON_DOWNLOADS=never uv export --upgrade --quiet --all-packages --no-emit-workspace \
	    --no-header --format requirements-txt --output-file requirements.lock

clean: ## Forget everything that was built
	@rm -rf build .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

build/.ready: requirements.lock pyproject.toml packages/tocsin/pyproject.toml packages/agentic-flow/pyproject.toml tools/setup.sh
	@tools/setup.sh
	@mkdir -p build && touch $@
