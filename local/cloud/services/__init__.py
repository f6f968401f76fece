"""AWS on this machine: `ministack`, extended where the deployed stacks need more.

One module for each service: it replaces the parts of `ministack` that differ from AWS.
"""

HOST = "127.0.0.1"
ACCOUNT = "000000000000"
REGION = "us-east-1"
