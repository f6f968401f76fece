# The job's tests on the packages of Glue 6.0, included by the Makefile.

GLUE_VENV := .venv-glue
# Glue's Python, on the PATH or installed by pyenv, which puts only its selected versions on the PATH. Empty if missing.
GLUE_PYTHON ?= $(shell for python in python3.13 $$(pyenv root 2>/dev/null)/versions/3.13*/bin/python3.13; do \
	$$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo $$python && exit; done)

# The tests whose result can depend on the version of Python, botocore, pyarrow, pandas or tenacity: reading Kinesis,
# parsing, writing, logging in, arguments, and the job as a whole. The join and the checkpoints depend on Spark, whose
# version is the same in .venv; the statements depend on PostgreSQL. One run of the whole job is enough: the other one,
# which moves the join, takes as long as half of these tests.
GLUE_TESTS := $(addprefix tests/runtime/, \
	attribution_job/sources attribution_job/events attribution_job/startup \
	attribution_job/sink/test_deliveries.py attribution_job/sink/test_postgres.py \
	attribution_job/test_arguments.py attribution_job/test_job.py attribution_job/test_mapped_streams.py \
	attribution_job/test_progress.py attribution_job/test_session.py database/test_connection.py)

.PHONY: test-glue glue-python

test-glue: $(GLUE_VENV)/.requirements ## run the job's tests on the packages of Glue 6.0; needs Python 3.13
	$(GLUE_VENV)/bin/python -m pytest --numprocesses=2 --dist=loadfile -k "not postgres-spark" $(GLUE_TESTS) $(ARGS)

glue-python: ## print the Python of `make test-glue`, or how to install it
	@[ -n "$(GLUE_PYTHON)" ] || { \
		echo "Python 3.13, the version of Glue 6.0, was not found. Install it (pyenv install 3.13; uv python install 3.13;" \
			"Debian 13: apt-get install python3.13-venv), or name it: make test-glue GLUE_PYTHON=/path/to/python3.13" >&2; exit 2; }
	@echo $(GLUE_PYTHON)

# ministack requires another botocore than Glue's, so it is installed without its requirements.
$(GLUE_VENV)/.requirements: requirements-glue.txt requirements.txt
	@$(MAKE) --no-print-directory --silent glue-python
	$(GLUE_PYTHON) -m venv --clear $(GLUE_VENV)
	$(GLUE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-glue.txt
	$(GLUE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $$(grep ^ministack requirements.txt)
	@touch $@
