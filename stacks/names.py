"""Names of deployed resources that people and commands look up.

This module does not import the CDK, because that takes seconds and starts Node, which a command at a prompt would share
its terminal and its Ctrl-C with.
"""

PROJECT = "ecommerce-streaming"
# The output of the database's stack with the instance id of the analysts' host.
HOST_OUTPUT = "AnalystHostId"
# The role with which QuickSight reads secrets. QuickSight creates it in an account, with this name.
QUICKSIGHT_SECRETS_ROLE = "aws-quicksight-secretsmanager-role-v0"


def physical_name(environment: str, thing: str) -> str:
    """Returns the name of a resource, or of a stack, in an environment."""
    return f"{PROJECT}-{environment}-{thing}"
