"""The checks: pure functions from what a deployment needs and what AWS answered to a finding."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stacks.preflight.account import Offer, Quota
from stacks.preflight.names import Existing
from stacks.preflight.plan import Database

# Reserved for documentation and tests: https://www.rfc-editor.org/rfc/rfc2606
PLACEHOLDER_DOMAINS = ("example.com", "example.net", "example.org", "example", "invalid", "localhost", "test")
# States in which CloudFormation refuses an update. The CDK CLI itself removes stacks whose creation failed.
STUCK_STATES = {"DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"}


@dataclass(frozen=True)
class Finding:
    """The outcome of a check. A failure has a remedy."""

    outcome: Literal["ok", "failed", "not checked"]
    detail: str
    remedy: str = ""


def ok(detail: str) -> Finding:
    return Finding("ok", detail)


def failed(detail: str, remedy: str) -> Finding:
    return Finding("failed", detail, remedy)


def alarm_address(address: str | None) -> Finding:
    if address is None:
        return ok("none is configured: alarms show on the dashboard and notify nobody")
    domain = address.rpartition("@")[2].lower()
    if "@" in address and not any(f".{domain}".endswith(f".{placeholder}") for placeholder in PLACEHOLDER_DOMAINS):
        return ok(address)
    return failed(f"{address} is a placeholder", "set alarm_email in stacks/config.py to an address that is read")


def bootstrap(version: str | None, needed: int, environment: str) -> Finding:
    """Checks the version of the bootstrap stack; `environment` is the CDK's URL of the account and region."""
    remedy = f"run `.venv/bin/npx cdk bootstrap {environment}`"
    if version is None:
        return failed("the account is not bootstrapped in this region", remedy)
    detail = f"version {version}; the templates need version {needed}"
    return ok(detail) if int(version) >= needed else failed(detail, remedy)


def stacks(states: Mapping[str, str]) -> Finding:
    """Checks that no stack is in a state in which CloudFormation refuses an update."""
    stuck = [f"{name} is {state}" for name, state in states.items() if state in STUCK_STATES]
    if stuck:
        return failed(
            ", ".join(stuck), "CloudFormation's console shows the cause: continue the rollback, or delete the stack"
        )
    busy = [f"{name} is {state}" for name, state in states.items() if _is_busy(state)]
    if busy:
        return failed(", ".join(busy), "wait for the end of this operation, then repeat the preflight")
    return ok(f"{len(states)} exist: this is an update" if states else "none exists: this is a first deployment")


def _is_busy(state: str) -> bool:
    return state.endswith("_IN_PROGRESS") and state != "REVIEW_IN_PROGRESS"


def quota(quota: Quota, needed: int, owned: int) -> Finding:
    """Checks that `needed` resources fit the quota. The stacks own `owned` of the existing resources."""
    missing = max(0, needed - owned)
    detail = f"{quota.used} of {quota.limit} are in use, the deployment adds {missing}"
    if quota.used + missing <= quota.limit:
        return ok(detail)
    return failed(detail, f"delete unused ones, or raise the quota: {quota.increase}")


def zones(available: Sequence[str], needed: int) -> Finding:
    if len(available) >= needed:
        return ok(f"the subnets will be in {' and '.join(available[:needed])}")
    return failed(
        f"CloudFormation can choose from {len(available)}, and the subnets need {needed}",
        "choose another region, or create default subnets in more zones",
    )


def database(needed: Database, offers: Sequence[Offer], zones: Collection[str]) -> Finding:
    """Checks that RDS offers the instance in the zones of the subnets: in one of them, or in all with Multi-AZ."""
    remedy = "choose another region, or another database_instance in stacks/config.py"
    of_version = [offer for offer in offers if f"{offer.version}.".startswith(f"{needed.version}.")]
    if not of_version:
        majors = sorted({offer.version.partition(".")[0] for offer in offers}, key=int)
        return failed(f"offered with {', '.join(majors) or 'no version'} in this region", remedy)
    of_storage = [offer for offer in of_version if offer.storage_type == needed.storage_type]
    if not of_storage:
        return failed(f"not offered with {needed.storage_type} storage", remedy)
    placed = [offer for offer in of_storage if _can_be_placed(offer, zones, multi_az=needed.multi_az)]
    if not placed:
        quantity = "both of" if needed.multi_az else "either of"
        return failed(f"not offered in {quantity} {', '.join(sorted(zones))}", remedy)
    return ok(f"offered as {', '.join(sorted({offer.version for offer in placed}))}")


def _can_be_placed(offer: Offer, zones: Collection[str], *, multi_az: bool) -> bool:
    return offer.multi_az and offer.zones >= set(zones) if multi_az else not offer.zones.isdisjoint(zones)


def runtime(*, is_known: bool) -> Finding:
    if is_known:
        return ok("known to Lambda in this region")
    return failed("unknown to Lambda in this region", "choose another region, or the runtime in python_function.py")


def glue(*, answers: bool) -> Finding:
    if not answers:
        return failed("Glue has no endpoint in this region", "choose another region")
    return Finding(
        "not checked",
        "Glue answers in this region, but no operation lists its versions there;"
        " see https://docs.aws.amazon.com/glue/latest/dg/release-notes.html",
    )


def endpoints(needed: Collection[str], offered: Mapping[str, frozenset[str]], zones: Collection[str]) -> Finding:
    missing = [
        f"{service} in {', '.join(absent)}"
        for service in sorted(needed)
        if (absent := sorted(set(zones) - offered.get(service, frozenset())))
    ]
    if missing:
        return failed(f"not offered: {'; '.join(missing)}", "choose another region")
    return ok(f"{len(needed)} services are offered in {' and '.join(sorted(zones))}")


def names(count: int, existing: Sequence[Existing], owned: Collection[str]) -> Finding:
    """Checks that resources with prescribed names are absent or belong to the stacks.

    `owned` are the physical ids of the stacks' resources. The local cloud has names where AWS has ARNs.
    """
    foreign = [
        resource.name + (" (waits for deletion)" if resource.waits_for_deletion else "")
        for resource in existing
        if resource.physical_id not in owned and resource.name not in owned
    ]
    if foreign:
        return failed(
            f"exists outside the stacks: {', '.join(foreign)}",
            'remove or adopt it: "Left-overs" in docs/first-deployment.md',
        )
    free = count - len(existing)
    return ok(f"{free} free" + (f", {len(existing)} in use by the stacks" if existing else ""))
