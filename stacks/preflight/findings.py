"""Runs the checks, in the order in which a deployment needs their subjects."""

from collections.abc import Callable, Iterator
from functools import cached_property, partial

from botocore.exceptions import BotoCoreError, ClientError

from stacks.preflight import checks, quicksight
from stacks.preflight.account import Account, NotAnsweredError, Quota
from stacks.preflight.checks import Finding
from stacks.preflight.names import KINDS, existing
from stacks.preflight.plan import Database, Plan
from stacks.quicksight.principal import Principal

DENIED = ("Denied", "Unauthorized", "AuthorizationError")
# The subject of a line of output, and its check.
Check = tuple[str, Callable[[], Finding]]


class Preflight:
    """The checks of a planned deployment to an account."""

    def __init__(self, plan: Plan, account: Account) -> None:
        self._plan = plan
        self._account = account

    def findings(self) -> Iterator[tuple[str, Finding]]:
        """Yields each subject with its finding. A subject is not checked when AWS does not answer one of its calls."""
        for subject, check in self._checks():
            try:
                yield subject, check()
            except (NotAnsweredError, ClientError, BotoCoreError) as error:
                yield subject, Finding("not checked", reason(error))

    def _checks(self) -> Iterator[Check]:
        plan, account = self._plan, self._account
        for config in plan.environments:
            yield f"alarm address of {config.environment}", partial(checks.alarm_address, config.alarm_email)
        yield "CDK bootstrap", self._bootstrap
        yield "stacks", lambda: checks.stacks(self._states)
        yield "VPCs", partial(self._quota, account.vpcs, plan.vpcs, "AWS::EC2::VPC")
        if plan.addresses:
            yield "Elastic IP addresses", partial(self._quota, account.addresses, plan.addresses, "AWS::EC2::EIP")
        streams = partial(self._quota, account.on_demand_streams, plan.on_demand_streams, "AWS::Kinesis::Stream")
        yield "on-demand streams", streams
        yield "zones", lambda: checks.zones(account.zones, plan.zones)
        yield "VPC endpoints", self._endpoints
        for database in sorted(plan.databases, key=str):
            yield (
                f"{database.instance_class} with {database.engine} {database.version}",
                partial(self._database, database),
            )
        for runtime, architecture in sorted(plan.runtimes):
            yield f"Lambda {runtime} on {architecture}", partial(self._runtime, runtime, architecture)
        for version in sorted(plan.glue_versions):
            yield f"Glue {version}", lambda: checks.glue(answers=account.has_glue())
        yield from self._quicksight()
        for resource_type in plan.names:
            yield f"names of {KINDS[resource_type].plural}", partial(self._names, resource_type)

    def _quicksight(self) -> Iterator[Check]:
        for config in self._plan.environments:
            if config.quicksight_principal is not None:
                principal = Principal.parse(config.quicksight_principal)
                of_environment = f"of {config.environment}"
                yield f"QuickSight {of_environment}", partial(quicksight.subscription, self._account, principal)
                yield (
                    f"QuickSight principal {of_environment}",
                    partial(quicksight.principal_exists, self._account, principal),
                )
                yield f"QuickSight's secrets {of_environment}", partial(quicksight.secrets_role, self._account)

    def _bootstrap(self) -> Finding:
        plan, account = self._plan, self._account
        environment = f"aws://{account.identity.number}/{account.region}"
        return checks.bootstrap(account.parameter(plan.bootstrap_parameter), plan.bootstrap_version, environment)

    def _quota(self, ask: Callable[[], Quota], needed: int, resource_type: str) -> Finding:
        return checks.quota(ask(), needed, len(self._owned(resource_type)))

    def _endpoints(self) -> Finding:
        services = self._plan.endpoint_services
        return checks.endpoints(services, self._account.endpoint_zones(services), self._zones)

    def _database(self, database: Database) -> Finding:
        offers = self._account.database_offers(database.engine, database.instance_class)
        return checks.database(database, offers, self._zones)

    def _runtime(self, runtime: str, architecture: str) -> Finding:
        return checks.runtime(is_known=self._account.knows_runtime(runtime, architecture))

    def _names(self, resource_type: str) -> Finding:
        names = self._plan.names[resource_type]
        return checks.names(len(names), existing(self._account, resource_type, names), self._owned(resource_type))

    @property
    def _zones(self) -> tuple[str, ...]:
        return self._account.zones[: self._plan.zones]

    @cached_property
    def _states(self) -> dict[str, str]:
        return self._account.stack_states(self._plan.stacks)

    @cached_property
    def _resources(self) -> frozenset[tuple[str, str]]:
        return self._account.stack_resources(self._states)

    def _owned(self, resource_type: str) -> frozenset[str]:
        """Returns the physical ids of the stacks' resources of a type."""
        return frozenset(physical_id for owned_type, physical_id in self._resources if owned_type == resource_type)


def reason(error: Exception) -> str:
    """Returns in one line why a call has no answer."""
    if not isinstance(error, ClientError):
        return " ".join(str(error).split())
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    if any(text in code for text in DENIED):
        return f"access to {error.operation_name} is denied"
    return " ".join(f"{error.operation_name} failed: {code} {message}".split())
