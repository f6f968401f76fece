# Deploying: included by the Makefile. Another environment than dev: make deploy ENV=prod

VENV ?= .venv
ENV ?= dev
ENVIRONMENTS ?= dev prod
STAGE = $(shell echo $(ENV) | sed 's/./\u&/')
# The pipeline deploys the environments itself.
STACKS = $(if $(filter pipeline,$(ENV)),Pipeline,$(STAGE)/**)
# The venv's Node and Python first: nothing of this needs another one.
CDK = PATH="$(abspath $(VENV))/bin:$$PATH" npx --no-install cdk

.PHONY: synth deploy diff-deployed destroy cost

synth: $(VENV)/.requirements-dev node_modules/.package-lock.json ## templates and bundles of every environment, into cdk.out
	@for environment in $(ENVIRONMENTS); do $(CDK) synth --quiet -c env=$$environment --output cdk.out/$$environment || exit; done

deploy: $(VENV)/.requirements-dev node_modules/.package-lock.json ## deploy an environment: make deploy ENV=prod
	$(CDK) deploy '$(STACKS)' -c env=$(ENV) $(ARGS)

diff-deployed: $(VENV)/.requirements-dev node_modules/.package-lock.json ## what a deployment would change
	$(CDK) diff '$(STACKS)' -c env=$(ENV) $(ARGS)

destroy: $(VENV)/.requirements-dev node_modules/.package-lock.json ## stop the job, remove an environment, say what remains
	PATH="$(abspath $(VENV))/bin:$$PATH" python -m stacks.teardown $(ENV)

cost: $(VENV)/.requirements-dev ## what an hour of each environment costs
	@PATH="$(abspath $(VENV))/bin:$$PATH" python -m stacks.cost

node_modules/.package-lock.json: package.json package-lock.json | $(VENV)/.requirements
	PATH="$(abspath $(VENV))/bin:$$PATH" npm ci --omit=optional --no-audit --no-fund
