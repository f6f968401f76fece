"""JMESPath expressions, compiled once, that give null where a value does not fit."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import Options, TreeInterpreter

from runtime.attribution_job.events.mapping.functions import Functions

Node = dict[str, Any]
# What an expression raises on a value of another type. JMESPath's own errors are ValueErrors.
MISFITS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
COMPARISON_WITH_QUOTED_NAME = re.compile(r"""[=!]=\s*"([^"]*)"|"([^"]*)"\s*[=!]=""")
# One interpreter serves all expressions, because it looks its methods up by name once.
_INTERPRETER = TreeInterpreter(Options(custom_functions=Functions()))


class ExpressionError(ValueError):
    """The expression does not compile. The message states the problem and the remedy."""


class Expression:
    """A compiled JMESPath expression."""

    def __init__(self, text: str) -> None:
        """Compiles and checks an expression.

        Raises:
            ExpressionError: the expression is malformed, or calls a function that does not exist.
        """
        shown = repr(" ".join(text.split()))
        try:
            self._tree = _exact(jmespath.compile(text).parsed)
        except (JMESPathError, RecursionError) as error:
            raise ExpressionError(f"{shown} is no JMESPath expression: {_reason(error)}") from None
        for problem in (*_quotation_problems(text), *_problems(self._tree)):
            raise ExpressionError(f"{shown}: {problem}")

    def __call__(self, value: Any) -> Any:
        """Returns what the expression selects, or None when the value does not fit the expression."""
        try:
            return _INTERPRETER.visit(self._tree, value)
        except MISFITS:
            return None

    def holds(self, value: Any) -> bool:
        """Returns whether the result is true by JMESPath's rule: null, false and empty values are not."""
        result = self(value)
        return not (result is None or result is False or result in ("", [], {}))


def _reason(error: Exception) -> str:
    """Returns the first line of JMESPath's message, without the words that say what we have said."""
    first_line = str(error).partition("\n")[0].removesuffix(", for expression:").removesuffix(":")
    return re.sub("^(Invalid|Bad) jmespath expression: ", "", first_line, flags=re.IGNORECASE)


def _quotation_problems(text: str) -> Iterator[str]:
    """Yields a comparison with a name in double quotes, which JMESPath reads as a field and not as a text."""
    for match in COMPARISON_WITH_QUOTED_NAME.finditer(text):
        name = match[1] if match[1] is not None else match[2]
        yield f"\"{name}\" names a field; write the text as '{name}', in single quotes"


def _problems(node: Node, parent: str = "") -> Iterator[str]:
    """Yields the problems that JMESPath itself reports only when it evaluates the expression."""
    if node["type"] == "function_expression":
        yield from _call_problems(node["value"], len(node["children"]))
    if node["type"] == "expref" and parent != "function_expression":
        yield "`&` stands before an argument of a function only"
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _problems(child, node["type"])


def _call_problems(name: str, arguments: int) -> Iterator[str]:
    known = Functions.FUNCTION_TABLE
    if name not in known:
        yield f"there is no function {name}(); there are {', '.join(sorted(known))}"
        return
    signature = known[name]["signature"]
    variadic = bool(signature) and signature[-1].get("variadic", False)
    if arguments < len(signature) or (arguments > len(signature) and not variadic):
        plural = "" if len(signature) == 1 else "s"
        yield f"{name}() takes {'at least ' if variadic else ''}{len(signature)} argument{plural}, not {arguments}"


def _exact(node: Any) -> Any:
    """Copies the tree of an expression with decimals for binary fractions, which JMESPath's cache shares."""
    if isinstance(node, dict):
        return {key: _exact(child) for key, child in node.items()}
    if isinstance(node, list | tuple):
        return [_exact(child) for child in node]
    return Decimal(repr(node)) if isinstance(node, float) else node
