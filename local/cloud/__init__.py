"""A cloud on this machine, to which the deployed stacks are deployed: `ministack`, extended where they need more.

One module for each service: what it replaces is what AWS does otherwise. `python -m local.cloud` runs it.
"""

HOST = "127.0.0.1"
ACCOUNT = "000000000000"
REGION = "us-east-1"
