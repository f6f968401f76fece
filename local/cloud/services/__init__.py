"""Extensions of the AWS emulator `ministack`, one module for each service that the deployed stacks use.

Each module replaces the parts of `ministack` that differ from AWS.
"""

HOST = "127.0.0.1"
ACCOUNT = "000000000000"
REGION = "us-east-1"
