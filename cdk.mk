# Deployment targets, included by the Makefile. ENV selects the environment: make deploy ENV=prod

VENV ?= .venv
ENV ?= dev
ENVIRONMENTS ?= dev prod
STAGE = $(shell echo $(ENV) | sed 's/./\u&/')
# ENV=pipeline selects the pipeline's stack alone, because the pipeline deploys the environments.
STACKS = $(if $(filter pipeline,$(ENV)),Pipeline,$(STAGE)/**)
# The venv's Node and Python take precedence over any other installation.
CDK = PATH="$(abspath $(VENV))/bin:$$PATH" npx --no-install cdk

# `make deploy PREFLIGHT=` deploys without the checks.
PREFLIGHT ?= preflight
# boto3 reads only AWS_DEFAULT_REGION; the CDK CLI prefers AWS_REGION.
ifdef AWS_REGION
export AWS_DEFAULT_REGION := $(AWS_REGION)
endif

.PHONY: synth preflight deploy diff-deployed destroy cost psql

synth: $(VENV)/.requirements-dev node_modules/.package-lock.json ## write templates and bundles of every environment to cdk.out
	@for environment in $(ENVIRONMENTS); do $(CDK) synth --quiet -c env=$$environment --output cdk.out/$$environment || exit; done

preflight: $(VENV)/.requirements-dev node_modules/.package-lock.json ## check whether an account is ready, without changing it: make preflight ENV=prod
	@PATH="$(abspath $(VENV))/bin:$$PATH" python -m stacks.preflight $(ENV)

deploy: $(VENV)/.requirements-dev node_modules/.package-lock.json $(PREFLIGHT) ## check the account and deploy an environment: make deploy ENV=prod
	$(CDK) deploy '$(STACKS)' -c env=$(ENV) $(ARGS)

diff-deployed: $(VENV)/.requirements-dev node_modules/.package-lock.json ## show what a deployment would change
	$(CDK) diff '$(STACKS)' -c env=$(ENV) $(ARGS)

destroy: $(VENV)/.requirements-dev node_modules/.package-lock.json ## stop the job, remove an environment, list what remains
	PATH="$(abspath $(VENV))/bin:$$PATH" python -m stacks.teardown $(ENV)

cost: $(VENV)/.requirements-dev ## print the hourly cost of each environment
	@PATH="$(abspath $(VENV))/bin:$$PATH" python -m stacks.cost

# exec, because a waiting shell would end at Ctrl-C, which in psql only cancels a query.
psql: $(VENV)/.requirements node_modules/.package-lock.json ## open psql on a deployed database as the analyst: make psql ENV=dev ARGS="-c 'select 1'"
	@exec $(VENV)/bin/python -m stacks.psql $(ENV) $(ARGS)

node_modules/.package-lock.json: package.json package-lock.json | $(VENV)/.requirements
	PATH="$(abspath $(VENV))/bin:$$PATH" npm ci --omit=optional --no-audit --no-fund
