"""A cloud on this machine, to which the stacks are deployed. `python -m local.cloud` runs it."""
