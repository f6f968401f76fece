"""The local cloud: an extended AWS emulator to which the stacks are deployed. `python -m local.cloud` runs it."""
