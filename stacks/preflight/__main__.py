"""`python -m stacks.preflight dev`: checks whether an account is ready for a deployment, by read-only calls."""

import argparse
import sys
from collections import Counter

from botocore.exceptions import BotoCoreError, ClientError

from stacks.config import DEV, ENVIRONMENTS, PROD
from stacks.preflight.account import NotAnsweredError, connect
from stacks.preflight.checks import Finding, failed, ok
from stacks.preflight.findings import Preflight, reason
from stacks.preflight.plan import plan

DESCRIPTION = """\
Checks whether an account is ready for a deployment, before anything is created in it.

It only reads. A check that the credentials or the endpoint do not allow is "not checked", and does not fail.
"""
EPILOG = """\
exit status:
  0    no check failed
  1    a check failed; the line below it is the remedy
  130  interrupted

`make deploy` runs this first; `make deploy PREFLIGHT=` deploys without it.
"""
# The environments that `ENV=pipeline` deploys.
CHOICES = {name: (config,) for name, config in ENVIRONMENTS.items()} | {"pipeline": (DEV, PROD)}
CREDENTIALS = "set AWS_PROFILE, or log in again, and set AWS_REGION to a region that the account has enabled"


def main() -> int:
    """Prints a line for each check; returns exit status 1 when a check failed."""
    parser = argparse.ArgumentParser(
        prog="preflight", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", choices=list(CHOICES), help="pipeline: both environments, in one account")
    try:
        return preflight(parser.parse_args().environment)
    except KeyboardInterrupt:
        print("interrupted; nothing was changed", file=sys.stderr)
        return 130


def preflight(environment: str) -> int:
    subject = "credentials and region"
    try:
        account = connect()
        identity = account.identity
    except (NotAnsweredError, ClientError, BotoCoreError) as error:
        show(subject, failed(reason(error), CREDENTIALS))
        return 1
    show(subject, ok(f"{identity.arn} in {account.region}"))
    outcomes = Counter({"ok": 1})
    for check, finding in Preflight(plan(CHOICES[environment], account.region), account).findings():
        show(check, finding)
        outcomes[finding.outcome] += 1
    counts = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in ("ok", "failed", "not checked"))
    print(f"preflight of {environment}: {counts}")
    return 1 if outcomes["failed"] else 0


def show(subject: str, finding: Finding) -> None:
    print(f"{finding.outcome:12} {subject}: {finding.detail}", flush=True)
    if finding.remedy:
        print(f"{'':12} → {finding.remedy}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
