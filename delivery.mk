# Delivery targets, included by the Makefile: the steps of the pipeline.

.PHONY: component smoke diff lock audit sbom hooks

READY := $(VENV)/.requirements-dev
IN_VENV := PATH="$(abspath $(VENV))/bin:$$PATH"
# The job's bundle includes the database component, which has the database connection.
FOLDERS = $(COMPONENT) $(if $(filter attribution_job,$(COMPONENT)),database)
SOURCES = $(foreach folder,$(FOLDERS),runtime/$(folder) tests/runtime/$(folder))

component: $(READY) $(if $(filter attribution_job,$(COMPONENT)),$(VENV)/spark-classes.jsa) node_modules/.package-lock.json ## check, test and bundle a component: make component COMPONENT=orchestrator
	@[ -n "$(COMPONENT)" ] || { echo "COMPONENT is not set: make component COMPONENT=data_generator, orchestrator or attribution_job" >&2; exit 2; }
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(IN_VENV) python -m pytest $(foreach folder,$(FOLDERS),tests/runtime/$(folder)) $(ARGS)
	$(IN_VENV) python -m stacks.bundling $(COMPONENT)

smoke: $(VENV)/.requirements ## test a deployed environment: make smoke ENV=dev ARGS="--minutes 30"
	@$(IN_VENV) python -m stacks.smoke $(ENV) $(ARGS)

diff: $(READY) ## show how the templates differ from committed snapshots: make diff BASE=main
	@$(IN_VENV) python -m stacks.review $(BASE)

hooks: $(READY) ## check style and types before each commit
	$(BIN)/pre-commit install

LOCKED := $(patsubst runtime/%/requirements.txt,%,$(wildcard runtime/*/requirements.txt))

# Glue brings pyarrow itself: Platform.provided in stacks/packages.py.
NOT_LOCKED := --no-emit-package pyarrow

# Locks for Glue's oldest Python, so that the locks include the packages that only older versions need.
# stacks/packages.py checks the locks for the later versions.
lock: $(READY) ## pin the deployed packages by checksum: make lock ARGS=--upgrade
	@for component in $(LOCKED); do \
		$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux2014 \
			--custom-compile-command "make lock" $(NOT_LOCKED) --output-file runtime/$$component/requirements.lock $(ARGS) \
			runtime/$$component/requirements.txt || exit; \
	done

# --strict fails on packages that the vulnerability service does not know, because they have not been audited.
audit: $(READY) ## look for known vulnerabilities in the deployed packages
	$(BIN)/pip-audit --strict --disable-pip --require-hashes $(foreach component,$(LOCKED),--requirement runtime/$(component)/requirements.lock)

sbom: $(READY) ## write a CycloneDX bill of materials for each component to sbom/
	@mkdir -p sbom
	@for component in $(LOCKED); do \
		$(BIN)/cyclonedx-py requirements --output-reproducible --output-file sbom/$$component.cdx.json \
			runtime/$$component/requirements.lock || exit; \
	done
