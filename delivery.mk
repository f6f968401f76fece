# Delivering: included by the Makefile. What the pipeline does, one word each.

.PHONY: component smoke diff lock audit sbom hooks

READY := $(VENV)/.requirements-dev
IN_VENV := PATH="$(abspath $(VENV))/bin:$$PATH"
# The job's bundle has the way to the database in it.
FOLDERS = $(COMPONENT) $(if $(filter attribution_job,$(COMPONENT)),database)
SOURCES = $(foreach folder,$(FOLDERS),runtime/$(folder) tests/runtime/$(folder))

component: $(READY) $(if $(filter attribution_job,$(COMPONENT)),$(VENV)/spark-classes.jsa) node_modules/.package-lock.json ## check, test and bundle one: make component COMPONENT=orchestrator
	@[ -n "$(COMPONENT)" ] || { echo "Which one? make component COMPONENT=data_generator, orchestrator or attribution_job" >&2; exit 2; }
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(IN_VENV) python -m pytest $(foreach folder,$(FOLDERS),tests/runtime/$(folder)) $(ARGS)
	$(IN_VENV) python -m stacks.bundling $(COMPONENT)

smoke: $(VENV)/.requirements ## try a deployed environment: make smoke ENV=dev ARGS="--minutes 30"
	@$(IN_VENV) python -m stacks.smoke $(ENV) $(ARGS)

diff: $(READY) ## how the templates differ from the committed snapshots: make diff BASE=main
	@$(IN_VENV) python -m stacks.review $(BASE)

hooks: $(READY) ## check style and types before each commit
	$(BIN)/pre-commit install

LOCKED := $(patsubst runtime/%/requirements.txt,%,$(wildcard runtime/*/requirements.txt))

# For the oldest Python of Glue, so that what only older Pythons need is in it; stacks/bundling.py checks the others.
lock: $(READY) ## pin what is deployed by checksum: make lock ARGS=--upgrade
	@for component in $(LOCKED); do \
		$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux2014 \
			--custom-compile-command "make lock" --output-file runtime/$$component/requirements.lock $(ARGS) \
			runtime/$$component/requirements.txt || exit; \
	done

# Strict: a package that the vulnerability service does not know has not been audited.
audit: $(READY) ## look for known vulnerabilities in what is deployed
	$(BIN)/pip-audit --strict --disable-pip --require-hashes $(foreach component,$(LOCKED),--requirement runtime/$(component)/requirements.lock)

sbom: $(READY) ## list what is deployed as CycloneDX, one file a component, into sbom/
	@mkdir -p sbom
	@for component in $(LOCKED); do \
		$(BIN)/cyclonedx-py requirements --output-reproducible --output-file sbom/$$component.cdx.json \
			runtime/$$component/requirements.lock || exit; \
	done
