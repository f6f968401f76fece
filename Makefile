# `make help` lists the targets.

# The first Python that is new enough. Falls back to python3, which the error message below then names.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && exit; \
	done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
# The venv's Node takes precedence over any other installation.
PYTEST = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest
# Serves as the stamp of `npm ci`: npm writes this file last.
CDK_CLI := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help setup demo dashboard replay test test-e2e chaos mutants bench bench-environments bench-report schemas analytics-page backtest screenshots soak-dashboard lint clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 15

setup: $(VENV)/spark-classes.jsa $(CDK_CLI) ## create or update .venv

demo: $(VENV)/spark-classes.jsa $(CDK_CLI) ## deploy and run the pipeline live on this machine: make demo ARGS="--for 60 --rate 1000"
	@$(BIN)/python -m local demo $(ARGS)

dashboard: $(VENV)/.requirements $(CDK_CLI) ## show the page over DATABASE_URL, or over the database of the demo or of `up`: make dashboard ARGS="--port 9000"
	@exec $(BIN)/python -m local dashboard $(ARGS)

replay: $(VENV)/spark-classes.jsa ## credit your own events: make replay ARGS="clicks.jsonl checkouts.jsonl --output out.csv"
	@$(BIN)/python -m local replay $(ARGS)

test: $(VENV)/.requirements-dev $(VENV)/spark-classes.jsa $(CDK_CLI) ## run the tests: make test ARGS="-k replay"
	@command -v chromium >/dev/null || echo "chromium is missing, so the tests of the page in a browser are skipped (Debian, Ubuntu: apt-get install chromium)"
	$(PYTEST) --numprocesses=3 --dist=loadfile --no-loadscope-reorder --ignore=tests/e2e $(ARGS)

test-e2e: $(VENV)/.requirements-dev $(VENV)/spark-classes.jsa $(CDK_CLI) ## deploy, run, update and destroy an environment on this machine
	$(PYTEST) tests/e2e $(ARGS)

chaos: $(VENV)/spark-classes.jsa ## inject the faults of twenty seeds, and account for every record: make chaos ARGS="--seed 7 --count 1"
	@$(BIN)/python -m chaos $(ARGS)

mutants: $(VENV)/.requirements-dev $(VENV)/spark-classes.jsa ## change the job's code one place at a time, and count what no test notices: make mutants ARGS="--sample 200"
	@$(BIN)/python -m mutants $(ARGS)

bench: ## run the benchmarks, including Flink: make bench ARGS="bulk --scale 0.1"
	@$(MAKE) --no-print-directory --jobs=2 bench-environments
	@$(BIN)/python -m benchmarks $(ARGS)

bench-environments: $(VENV)/.requirements benchmarks/.venv/.requirements benchmarks/.venv-pathway/.requirements

bench-report: benchmarks/.venv/.requirements ## write plots and docs/performance.md from the newest results
	@benchmarks/.venv/bin/python -m benchmarks.report

schemas: $(VENV)/.requirements ## write the JSON Schemas of the events to docs/schemas
	$(BIN)/python -m runtime.attribution_job.events.json_schema docs/schemas

analytics-page: $(VENV)/.requirements-dev ## run the queries of docs/analytics.md on its generated shop, and write their outputs to it
	$(PYTEST) tests/runtime/analytics/test_page.py --snapshot-update

backtest: $(VENV)/.requirements ## measure the anomaly detectors and the tests of experiments, and write the former to docs/analytics.md
	@$(BIN)/python -m runtime.analytics.anomalies.backtest --write docs/analytics.md
	@$(BIN)/python -m runtime.analytics.experiments.simulation

screenshots: $(VENV)/.requirements-dev $(CDK_CLI) ## write the pictures of the page to docs/page
	@$(BIN)/python -m tests.browser.screenshots

soak-dashboard: $(VENV)/.requirements-dev $(CDK_CLI) ## measure the page under many viewers: make soak-dashboard ARGS="--viewers 50 --seconds 60"
	@$(BIN)/python -m tests.browser.soak $(ARGS)

lint: $(VENV)/.requirements-dev ## check style, format, types and workflows
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/actionlint .github/workflows/*.yml

clean: ## remove .venv, caches and the demo's data
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local reset; fi
	rm -rf $(VENV) $(GLUE_VENV) benchmarks/.venv* node_modules cdk.out .bundles sbom .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

include cdk.mk delivery.mk glue.mk

# A stamp file has the time of the last installation from its requirements.
REQUIREMENTS := requirements.txt $(wildcard runtime/*/requirements.txt)

$(VENV)/.requirements: $(REQUIREMENTS) | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

$(VENV)/.requirements-dev: requirements-dev.txt $(REQUIREMENTS) | $(VENV)/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@touch $@ $(VENV)/.requirements

# A separate environment, because Flink and Spark need different versions of the same packages. Flink has no release for
# Python 3.13.
benchmarks/.venv/.requirements: benchmarks/requirements.txt
	@for python in python3.12 python3.11 $(PYTHON); do \
		$$python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && break; done \
		&& $$python -m venv --clear benchmarks/.venv \
		|| { echo "make bench needs Python 3.11 or 3.12, because Flink supports no later version: install one of the two." >&2; exit 2; }
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.txt
	@touch $@

benchmarks/.venv-pathway/.requirements: benchmarks/pathway.txt | $(VENV)/pyvenv.cfg
	$(BIN)/python -m venv --clear benchmarks/.venv-pathway
	benchmarks/.venv-pathway/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/pathway.txt
	@touch $@

# Java's class-data archive for Spark, which shortens each start. It fits one Java, one Spark and one set of options.
$(VENV)/spark-classes.jsa: runtime/attribution_job/requirements.txt requirements.txt local/servers/job.py | $(VENV)/.requirements
	@$(BIN)/python -m local warm-up

$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || { \
		echo "$(PYTHON) was not found. Install Python 3.11 or later (Debian, Ubuntu: apt-get install python3 python3-venv)." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version) is too old: Python 3.11 or later is needed. To choose another interpreter: make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		echo "This Python has no venv module. On Debian or Ubuntu: apt-get install python$$version-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }
