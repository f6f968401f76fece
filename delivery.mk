# Delivering: included by the Makefile. What the pipeline does, one word each.

.PHONY: lock audit sbom

LOCKED := $(patsubst runtime/%/requirements.txt,%,$(wildcard runtime/*/requirements.txt))

# For the oldest Python of Glue, so that what only older Pythons need is in it; stacks/bundling.py checks the others.
lock: $(VENV)/.requirements-dev ## pin what is deployed by checksum: make lock ARGS=--upgrade
	@for component in $(LOCKED); do \
		$(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux2014 \
			--custom-compile-command "make lock" --output-file runtime/$$component/requirements.lock $(ARGS) \
			runtime/$$component/requirements.txt || exit; \
	done

# Strict: a package that the vulnerability service does not know has not been audited.
audit: $(VENV)/.requirements-dev ## look for known vulnerabilities in what is deployed
	$(BIN)/pip-audit --strict --disable-pip --require-hashes $(foreach component,$(LOCKED),--requirement runtime/$(component)/requirements.lock)

sbom: $(VENV)/.requirements-dev ## list what is deployed as CycloneDX, one file a component, into sbom/
	@mkdir -p sbom
	@for component in $(LOCKED); do \
		$(BIN)/cyclonedx-py requirements --output-reproducible --output-file sbom/$$component.cdx.json \
			runtime/$$component/requirements.lock || exit; \
	done
