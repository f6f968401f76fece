"""Checks of parameters against botocore's model of a service.

botocore itself checks only names, types, required members and minima. QuickSight refuses more, so this also checks
enumerations, maxima and patterns.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator

# An ARN of a resource that does not exist yet has the same form as any other.
LENGTHS = (str, list, dict)


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def problems(service: str, operation: str, parameters: dict[str, Any]) -> list[str]:
    """Returns what the service's model does not allow in the parameters of an operation."""
    shape = _model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape).generate_report()
    return [*filter(None, report.splitlines()), *_beyond(shape, parameters, operation)]


def _beyond(shape: Shape, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    size = len(value) if isinstance(value, LENGTHS) else value
    if "max" in limits and size > limits["max"]:
        yield f"{path} is {size}, at most {limits['max']}"
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            if name in shape.members:
                yield from _beyond(shape.members[name], member, f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for index, member in enumerate(value):
            yield from _beyond(shape.member, member, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        for name, member in value.items():
            yield from _beyond(shape.key, name, f"{path}.{name}")
            yield from _beyond(shape.value, member, f"{path}.{name}")
    elif limits.get("enum") and value not in limits["enum"]:
        yield f"{path} is {value}, expected one of {limits['enum']}"
    elif "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        yield f"{path} is {value!r}, which does not match {limits['pattern']}"
