"""The text of a Python module, by the nodes of its syntax tree."""

import ast


class Source:
    """Finds the characters of nodes."""

    def __init__(self, content: str) -> None:
        self.content = content
        self._lines = content.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def text(self, node: ast.expr) -> str:
        return self.content[slice(*self.span(node))]

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Returns the places of the first character of a node, and of the first one behind it."""
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno or 0, node.end_col_offset or 0),
        )

    def _offset(self, line: int, column: int) -> int:
        """Returns a place in the text. Python counts columns in bytes."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    return [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]


def is_log(node: ast.Call) -> bool:
    function = node.func
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "log"


def is_call_of(node: ast.expr, *names: str) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in names
