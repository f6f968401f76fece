"""IAM's decisions about synthesised roles, in an account that exists only in the tests."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.stacks.conftest import Environment, actions, resources

# The emulator's account and region, so that its ARNs match the templates.
ACCOUNT, REGION = "000000000000", "us-east-1"
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}


@dataclass(frozen=True)
class Call:
    """A request to AWS. `action` is written as in policies, `kinesis:PutRecords`; `context` has the condition keys."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Grant:
    """A statement's permission for one action on one resource."""

    action: str
    resource: str
    condition: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def allows(self, call: Call) -> bool:
        return (
            _matches(self.action.lower(), call.action.lower())
            and _matches(self.resource, call.resource)
            and all(_holds(operator, expected, call.context) for operator, expected in self.condition.items())
        )


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


# Resource type → the physical id that Ref returns, from logical id and properties.
IDS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "AWS::Glue::Connection": lambda _, properties: str(properties["ConnectionInput"]["Name"]),
    "AWS::Glue::Job": lambda _, properties: str(properties["Name"]),
    "AWS::Kinesis::Stream": lambda _, properties: str(properties["Name"]),
    "AWS::Logs::LogGroup": lambda logical_id, properties: str(properties.get("LogGroupName", logical_id)),
    "AWS::S3::Bucket": lambda logical_id, _: logical_id.lower(),
    "AWS::SecretsManager::Secret": lambda logical_id, _: arn("secretsmanager", f"secret:{logical_id}"),
}


def _lowered(logical_id: str, _: Mapping[str, Any]) -> str:
    return logical_id.lower()


# Resource type → the ARN, from the physical id.
ARNS: Mapping[str, Callable[[str], str]] = {
    "AWS::Kinesis::Stream": lambda name: arn("kinesis", f"stream/{name}"),
    "AWS::KMS::Key": lambda name: arn("kms", f"key/{name}"),
    "AWS::Logs::LogGroup": lambda name: arn("logs", f"log-group:{name}:*"),
    "AWS::S3::Bucket": lambda name: f"arn:aws:s3:::{name}",
    "AWS::SQS::Queue": lambda name: arn("sqs", name),
}


class Account:
    """An environment's templates with resolved references.

    Physical ids are invented, except for those of existing resources, which tests put into `ids`.
    """

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._templates = {stack: template.to_json() for stack, template in environment.templates.items()}
        self.ids: dict[str, str] = {}

    def property(self, stack: str, kind: str, *path: str) -> Any:
        """Returns a property of the stack's only resource of a type, resolved."""
        value: Any = self.environment.properties(stack, kind)
        for name in path:
            value = value[name]
        return self.resolve(stack, value)

    def grants(self, stack: str, role: str) -> list[Grant]:
        """Returns every permission of the role. The project's roles have no Deny statements."""
        grants = []
        for statement in self.environment.statements(stack, role):
            assert statement["Effect"] == "Allow"
            grants += [
                Grant(action, self.resolve(stack, resource), self.resolve(stack, statement.get("Condition", {})))
                for action in actions(statement)
                for resource in resources(statement)
            ]
        return grants

    def logical_ids(self, stack: str, kind: str) -> list[str]:
        """Returns the logical ids of the stack's resources of a type."""
        return list(self.environment.resources(stack, kind))

    def arns(self, stack: str, kind: str) -> list[str]:
        """Returns the ARNs of the stack's resources of a type."""
        return [self._arn(stack, logical_id) for logical_id in self.logical_ids(stack, kind)]

    def resolve(self, stack: str, value: Any) -> Any:
        """Returns the value with references and functions resolved as CloudFormation does."""
        if isinstance(value, list):
            return [self.resolve(stack, item) for item in value]
        if not isinstance(value, dict) or not value:
            return value
        function, *more = value
        if more or not function.startswith(("Ref", "Fn::")):
            return {name: self.resolve(stack, item) for name, item in value.items()}
        resolve: Callable[[str, Any], Any] = getattr(self, f"_{function.removeprefix('Fn::').lower()}")
        return resolve(stack, value[function])

    def _ref(self, stack: str, name: str) -> str:
        if name in PSEUDO:
            return PSEUDO[name]
        resource = self._templates[stack]["Resources"][name]
        invented_id = IDS.get(resource["Type"], _lowered)
        return self.ids.get(name) or invented_id(name, resource["Properties"])

    def _getatt(self, stack: str, arguments: list[str]) -> str:
        logical_id, attribute = arguments
        return self._arn(stack, logical_id) if attribute == "Arn" else self.ids.get(".".join(arguments), attribute)

    def _arn(self, stack: str, logical_id: str) -> str:
        return ARNS[self._templates[stack]["Resources"][logical_id]["Type"]](self._ref(stack, logical_id))

    def _join(self, stack: str, arguments: list[Any]) -> str:
        separator, parts = arguments
        return str(separator.join(map(str, self.resolve(stack, parts))))

    def _sub(self, stack: str, text: str) -> str:
        return re.sub(r"\$\{([^}]+)\}", lambda match: self._ref(stack, match[1]), text)

    def _importvalue(self, _stack: str, name: str) -> Any:
        for stack, template in self._templates.items():
            for output in template.get("Outputs", {}).values():
                if output["Export"]["Name"] == name:
                    return self.resolve(stack, output["Value"])
        raise LookupError(f"no stack exports {name}")


def _matches(pattern: str, text: str) -> bool:
    """Matches IAM's wildcards: * is any number of characters, ? is one character."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


def _holds(operator: str, expected: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Evaluates the two condition operators in use. A missing key satisfies only `ForAllValues`."""
    assert operator in {"StringEquals", "ForAllValues:StringEquals"}
    for key, values in expected.items():
        allowed = values if isinstance(values, list) else [values]
        if context.get(key) not in [*allowed, *([None] if operator.startswith("ForAllValues") else [])]:
            return False
    return True
