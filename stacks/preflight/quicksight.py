"""The checks of an account for QuickSight: its subscription, the owner of the dashboard, and its role for secrets."""

from stacks.names import QUICKSIGHT_SECRETS_ROLE
from stacks.preflight.account import Account, if_exists
from stacks.preflight.checks import Finding, failed, ok
from stacks.quicksight.principal import Principal

MISSING = "(ResourceNotFoundException)"
DOCUMENTATION = "docs/quicksight.md"


def subscription(account: Account, principal: Principal) -> Finding:
    """Checks that the account has a subscription with connections into a VPC and secrets."""
    quicksight = account.client("quicksight", principal.region)
    response = if_exists(
        lambda: quicksight.describe_account_subscription(AwsAccountId=account.identity.number), MISSING
    )
    info = response["AccountInfo"] if response else {}
    if info.get("AccountSubscriptionStatus") != "ACCOUNT_CREATED":
        return failed("the account has not subscribed to QuickSight", f"sign up in the console: {DOCUMENTATION}")
    if not info["Edition"].startswith("ENTERPRISE"):
        return failed(
            f"the edition is {info['Edition']}, and only Enterprise reaches into a VPC",
            "upgrade the subscription in the console",
        )
    return ok(f"{info['AccountName']}, edition {info['Edition']}")


def principal_exists(account: Account, principal: Principal) -> Finding:
    """Checks that the owner of the dashboard is a user or group of this account."""
    remedy = f"correct quicksight_principal_<env> in cdk.json; {DOCUMENTATION} shows how to list users and groups"
    if principal.account != account.identity.number:
        return failed(f"belongs to account {principal.account}, not to {account.identity.number}", remedy)
    # Users and groups are stored in one region of the account, which is part of their ARN.
    quicksight = account.client("quicksight", principal.region)
    names = {"AwsAccountId": principal.account, "Namespace": principal.namespace}
    found = if_exists(
        lambda: (
            quicksight.describe_user(UserName=principal.name, **names)
            if principal.kind == "user"
            else quicksight.describe_group(GroupName=principal.name, **names)
        ),
        MISSING,
    )
    description = f"{principal.kind} {principal.name} of namespace {principal.namespace}"
    return failed(f"there is no {description}", remedy) if found is None else ok(f"{description} exists")


def secrets_role(account: Account) -> Finding:
    """Checks that QuickSight has created its role for secrets, to which the stack adds a permission."""
    role = if_exists(lambda: account.client("iam").get_role(RoleName=QUICKSIGHT_SECRETS_ROLE), "(NoSuchEntity)")
    if role is None:
        return failed(
            f"the role {QUICKSIGHT_SECRETS_ROLE} does not exist",
            f"select any secret in QuickSight's console, which creates the role: {DOCUMENTATION}",
        )
    return ok(f"the role {QUICKSIGHT_SECRETS_ROLE} exists")
