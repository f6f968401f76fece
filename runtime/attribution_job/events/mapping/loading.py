"""Reads mappings: TOML files, our own by name and others by path."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from runtime.attribution_job.events.contract import CONTRACTS, Contract
from runtime.attribution_job.events.mapping.expressions import Expression, ExpressionError
from runtime.attribution_job.events.mapping.rules import EventMapping, Rule

# Read as package resources: on Glue the code is in a zip.
BUILT_IN = resources.files(__package__) / "builtin"
SUFFIX = ".toml"
KEYS = ("kind", "when", "each", "fields")


class MappingError(ValueError):
    """A mapping cannot be used. The message names the file, the key and the remedy."""


def built_in_names() -> list[str]:
    return sorted(file.name.removesuffix(SUFFIX) for file in BUILT_IN.iterdir() if file.name.endswith(SUFFIX))


def load_mapping(name_or_path: str) -> EventMapping:
    """Returns a mapping of ours by its name, or the mapping in a TOML file by its path.

    Raises:
        MappingError: there is no such mapping, or it has an error.
    """
    if name_or_path in built_in_names():
        return _mapping(name_or_path, BUILT_IN / f"{name_or_path}{SUFFIX}")
    if not name_or_path.endswith(SUFFIX) and "/" not in name_or_path:
        names = ", ".join(built_in_names())
        raise MappingError(f"no event mapping {name_or_path!r}: expected one of {names}, or the path of a TOML file")
    return _mapping(name_or_path, Path(name_or_path))


def _mapping(name: str, file: Traversable) -> EventMapping:
    try:
        content = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise MappingError(f"{name}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise MappingError(f"{name}: not a TOML file: {error}") from None
    try:
        return _parsed(name, content)
    except MappingError as error:
        raise MappingError(f"{name}: {error}") from None


def _parsed(name: str, content: Mapping[str, Any]) -> EventMapping:
    for key in content:
        if key not in ("record", "event"):
            raise MappingError(f"unknown key {key}: expected record, or a list of [[event]] tables")
    record = _expression("record", content["record"]) if "record" in content else None
    return EventMapping(name, record, _rules(content))


def _rules(content: Mapping[str, Any]) -> list[Rule]:
    tables = content.get("event")
    if isinstance(tables, dict):
        raise MappingError("event: write [[event]], in two pairs of brackets, above each event")
    if not tables or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise MappingError("no [[event]]: a mapping needs at least one")
    rules = []
    for number, table in enumerate(tables, 1):
        try:
            rules.append(_rule(table))
        except MappingError as error:
            raise MappingError(f"event {number}: {error}") from None
    return rules


def _rule(table: Mapping[str, Any]) -> Rule:
    for key in table:
        if key not in KEYS:
            raise MappingError(f"unknown key {key}{_remedy(key, KEYS)}")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in CONTRACTS:
        problem = "kind: missing" if kind is None else f"kind: {kind!r}"
        raise MappingError(f"{problem}: expected {', '.join(CONTRACTS)}")
    fields = table.get("fields")
    if not isinstance(fields, dict):
        raise MappingError("fields: missing: write [event.fields], and below it a line for each field")
    return Rule(
        kind,
        _expression("when", table["when"]) if "when" in table else None,
        _expression("each", table["each"]) if "each" in table else None,
        _fields(fields, CONTRACTS[kind]),
    )


def _fields(fields: Mapping[str, Any], contract: Contract) -> dict[str, Expression]:
    for name in fields:
        if name not in contract.fields:
            problem = f"fields.{name}: a {contract.kind} has no such field"
            raise MappingError(f"{problem}{_remedy(name, sorted(contract.fields))}")
    for name in contract.required:
        if name not in fields:
            raise MappingError(f"fields.{name}: missing: without it, every {contract.kind} would be refused")
    return {name: _expression(f"fields.{name}", text) for name, text in fields.items()}


def _expression(key: str, text: Any) -> Expression:
    if not isinstance(text, str):
        raise MappingError(f'{key}: expected an expression in quotes; the constant {text} is "`{text}`"')
    try:
        return Expression(text)
    except ExpressionError as error:
        raise MappingError(f"{key}: {error}") from None


def _remedy(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f": did you mean {close[0]}?" if close else f": expected one of {', '.join(names)}"
