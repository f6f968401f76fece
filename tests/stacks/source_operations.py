"""The AWS operations that source code can call, found without running it."""

import ast
from pathlib import Path

import boto3

from tests.stacks.policies import REGION


def source_files(path: Path) -> list[Path]:
    """Returns the Python files of a component, or the file itself."""
    return [path] if path.suffix else sorted(path.rglob("*.py"))


def operations(files: list[Path]) -> set[str]:
    """Returns the operations that the files name, as methods of a client or as a paginator's argument."""
    calls = [node for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    methods = [(call.func.attr, call.args) for call in calls if isinstance(call.func, ast.Attribute)]
    services = {arguments[0].value for name, arguments in methods if name == "client"}  # type: ignore[attr-defined]
    named = set()
    for service in services:
        operation_names = boto3.client(service, region_name=REGION).meta.method_to_api_mapping
        for name, arguments in methods:
            method = arguments[0].value if name == "get_paginator" else name  # type: ignore[attr-defined]
            if method in operation_names:
                named.add(f"{service}:{operation_names[method]}")
    return named
