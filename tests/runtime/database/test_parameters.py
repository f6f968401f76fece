"""Every executed statement is literal SQL from the source, or composed by psycopg.sql from literal SQL.

psycopg's types require LiteralString, but mypy accepts every string as one, and ruff's S608 finds only text that looks
like SQL. This test traces each executed statement back to its definition in the source.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.folder import PROJECT

FOLDERS = ("runtime", "local", "stacks")
EXECUTING = {"execute", "executemany", "copy", "stream"}
# Modules with functions of the same names that execute no SQL.
NOT_PSYCOPG = {"shutil", "statements"}
# Modules whose constants are statements. A test checks that each constant is literal.
STATEMENT_MODULES = {
    "statements": (
        "runtime/attribution_job/sink",
        *(f"runtime/analytics/{part}" for part in ("experiments", "quality", "segments")),
    ),
    **dict.fromkeys(("staging", "credit_statements", "correction_statements"), ("runtime/attribution_job/sink",)),
    **dict.fromkeys(("path_statements", "refresh_statements", "unconverted_statements"), ("runtime/analytics",)),
    "result_statements": ("runtime/analytics/experiments",),
    "live_statements": ("runtime/dashboard/live",),
    **dict.fromkeys(("checkout_statements", "journey_statements"), ("runtime/dashboard/panels",)),
}
# The text of the migrations: files of the package, verified by checksum.
ALLOWED = {
    ("runtime/database/migrate.py", "migration.statements.encode()"),
    # Composed by psycopg.sql in the panels, whose texts are checked.
    ("runtime/dashboard/panels/reading.py", "panel.query(filters, schema).as_bytes(connection)"),
}


class Source:
    """A module's syntax tree, with the names that are bound to literal SQL only."""

    def __init__(self, path: Path) -> None:
        self.path = path.relative_to(PROJECT).as_posix()
        self._nodes = list(ast.walk(ast.parse(path.read_text())))
        # Functions with a LiteralString parameter, with its position. Their callers are checked.
        self._sql_parameters: dict[str, int] = {}
        # Functions that compose a statement from such a parameter with psycopg.sql.
        self._composers: set[str] = set()
        # Every value that a name is bound to, anywhere in the module. None is an unknown value.
        self.bindings: defaultdict[str, list[ast.expr | None]] = defaultdict(list)
        for node in self._nodes:
            self._bind(node)
        self.literal_names: set[str] = set()
        while added := {name for name in self.bindings.keys() - self.literal_names if self._has_only_literals(name)}:
            self.literal_names |= added

    def _bind(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self.bindings[name].append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                self.bindings[name].append(value)
            case (
                ast.comprehension(target=ast.Name(id=name), iter=values)
                | ast.For(target=ast.Name(id=name), iter=values)
            ):
                self.bindings[name].append(values)
            case (
                ast.FunctionDef(name=function, args=ast.arguments(args=parameters, kwonlyargs=keyword_only))
                | ast.AsyncFunctionDef(name=function, args=ast.arguments(args=parameters, kwonlyargs=keyword_only))
            ):
                if node.returns and ast.unparse(node.returns) == "sql.Composed":
                    self._composers.add(function)
                positional = [parameter for parameter in parameters if parameter.arg != "self"]
                for position, parameter in enumerate([*positional, *keyword_only]):
                    if parameter.annotation and ast.unparse(parameter.annotation) == "LiteralString":
                        self._sql_parameters[function] = position
                        self.bindings[parameter.arg].append(ast.Constant("checked where it is called"))
                    else:
                        self.bindings[parameter.arg].append(None)

    def _has_only_literals(self, name: str) -> bool:
        return all(value is not None and self.is_literal(value) for value in self.bindings[name])

    def is_literal(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant(value=str()):
                literal = True
            case ast.Name(id=name):
                literal = name in self.literal_names
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in STATEMENT_MODULES:
                literal = name.isupper()
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                literal = self.is_literal(left) and self.is_literal(right)
            case ast.Subscript(value=value) | ast.Starred(value=value):
                literal = self.is_literal(value)
            case ast.IfExp(body=body, orelse=orelse):
                literal = self.is_literal(body) and self.is_literal(orelse)
            case ast.Tuple(elts=parts) | ast.Dict(values=parts):
                literal = all(map(self.is_literal, parts))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="sql"), attr="SQL"), args=[text]):
                literal = self.is_literal(text)
            case ast.Call(func=ast.Name(id=name)) if name in self._composers & self._sql_parameters.keys():
                literal = True  # Its arguments are checked as if they were executed.
            case ast.Call(func=ast.Attribute(value=composed, attr="format"), args=[], keywords=values):
                parts_are_literal = self.is_literal(composed) and all(self.is_literal(part.value) for part in values)
                literal = self._is_composed(composed) or parts_are_literal
            case ast.Call(func=ast.Attribute(value=composed, attr="format")):
                literal = self._is_composed(composed)
            case _:
                literal = False
        return literal

    def _is_composed(self, node: ast.expr | None) -> bool:
        """Returns whether psycopg.sql composed the value. It quotes its arguments; `str.format` does not."""
        if isinstance(node, ast.Name):
            return bool(self.bindings[node.id]) and all(map(self._is_composed, self.bindings[node.id]))
        return isinstance(node, ast.Call) and ast.unparse(node.func) == "sql.SQL" and self.is_literal(node)

    def executed(self) -> Iterator[ast.expr]:
        for node in self._nodes:
            match node:
                case ast.Call(func=ast.Attribute(value=owner, attr=name), args=[query, *_]) if name in EXECUTING:
                    if not (isinstance(owner, ast.Name) and owner.id in NOT_PSYCOPG):
                        yield query
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
                    if name in self._sql_parameters:
                        yield arguments[self._sql_parameters[name]]

    def composed(self) -> Iterator[ast.expr]:
        """Yields the texts that psycopg.sql composes statements of."""
        for node in self._nodes:
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="sql"), attr="SQL"), args=[text]):
                    yield text


def non_literal_statements(source: Source) -> list[tuple[str, str]]:
    return [(source.path, ast.unparse(query)) for query in source.executed() if not source.is_literal(query)]


def test_only_literal_sql_is_executed() -> None:
    sources = [Source(path) for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))]
    assert sum(len(list(source.executed())) for source in sources) > 40
    assert {statement for source in sources for statement in non_literal_statements(source)} == ALLOWED


def test_every_text_of_a_composed_statement_is_literal() -> None:
    """psycopg.sql quotes the values that are put into a text, so a composed statement is as safe as its texts."""
    sources = [Source(path) for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))]
    texts = [(source, text) for source in sources for text in source.composed()]
    assert len(texts) > 40
    assert [(source.path, ast.unparse(text)) for source, text in texts if not source.is_literal(text)] == []


def test_every_constant_of_the_statement_modules_is_literal() -> None:
    """`is_literal` accepts `statements.X` in other modules, because this test checks every such constant."""
    for name, folders in STATEMENT_MODULES.items():
        for folder in folders:
            source = Source(PROJECT / folder / f"{name}.py")
            constants = {
                target for target, values in source.bindings.items() if target.isupper() and not is_number(values)
            }
            assert constants
            assert constants <= source.literal_names


def is_number(values: list[ast.expr | None]) -> bool:
    return all(isinstance(value, ast.Constant) and isinstance(value.value, int) for value in values)


@pytest.mark.parametrize(
    "text",
    [
        'connection.execute(f"select {name}")',
        'connection.execute("select %s" % name)',
        'connection.execute("select {}".format(name))',
        'connection.execute("select " + name)',
        "connection.execute(name)",
        "connection.execute(name.encode())",
        'query = f"select {name}"\nconnection.execute(query)',
        'query = "select 1"\nquery = name\nconnection.execute(query)',
        "connection.execute(sql.SQL(name))",
        'connection.execute(sql.SQL(f"select {name}").format())',
        'text = "{}"\nconnection.execute(text.format(name))',
        "def ask(query: LiteralString):\n    connection.execute(query)\nask(name)",
        "def compose(text: LiteralString) -> sql.Composed:\n    ...\nconnection.execute(compose(name))",
    ],
)
def test_sql_from_outside_the_source_is_detected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(f"{__name__}.PROJECT", tmp_path)
    (tmp_path / "module.py").write_text(text)
    assert non_literal_statements(Source(tmp_path / "module.py")) != []
