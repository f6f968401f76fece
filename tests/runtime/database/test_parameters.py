"""SQL is written in the source or composed by psycopg: no text that came from somewhere else becomes part of it.

psycopg's types ask for that (LiteralString), but mypy takes any string for one; ruff's S608 finds text that looks
like SQL. This follows what is executed back to where it is written.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.folder import PROJECT

FOLDERS = ("runtime", "local", "stacks")
EXECUTING = {"execute", "executemany", "copy", "stream"}
# Not psycopg's.
OTHERS = {"shutil", "statements"}
# The text of the migrations: files of the package, each checked against its checksum.
ALLOWED = {("runtime/database/migrate.py", "migration.statements.encode()")}


class Source:
    """A module, with the names in it that stand for nothing but SQL from a source."""

    def __init__(self, path: Path) -> None:
        self.path = path.relative_to(PROJECT).as_posix()
        self._nodes = list(ast.walk(ast.parse(path.read_text())))
        # The functions that ask for SQL, by the place of that parameter: their callers are checked.
        self._asking: dict[str, int] = {}
        # Every value that a name is bound to, anywhere in the module; null: it can be anything.
        self.bindings: defaultdict[str, list[ast.expr | None]] = defaultdict(list)
        for node in self._nodes:
            self._bind(node)
        self.fixed: set[str] = set()
        while added := {name for name in self.bindings.keys() - self.fixed if self._has_only_fixed(name)}:
            self.fixed |= added

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
            case ast.FunctionDef(name=function, args=ast.arguments(args=parameters, kwonlyargs=more)):
                named = [parameter for parameter in parameters if parameter.arg != "self"]
                for place, parameter in enumerate([*named, *more]):
                    if parameter.annotation and ast.unparse(parameter.annotation) == "LiteralString":
                        self._asking[function] = place
                        self.bindings[parameter.arg].append(ast.Constant("checked where it is called"))
                    else:
                        self.bindings[parameter.arg].append(None)

    def _has_only_fixed(self, name: str) -> bool:
        return all(value is not None and self.is_fixed(value) for value in self.bindings[name])

    def is_fixed(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant(value=str()):
                fixed = True
            case ast.Name(id=name):
                fixed = name in self.fixed
            case ast.Attribute(value=ast.Name(id="statements" | "credit_statements"), attr=name):
                fixed = name.isupper()
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                fixed = self.is_fixed(left) and self.is_fixed(right)
            case ast.Subscript(value=value):
                fixed = self.is_fixed(value)
            case ast.Tuple(elts=parts) | ast.Dict(values=parts):
                fixed = all(map(self.is_fixed, parts))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="sql"), attr="SQL"), args=[text]):
                fixed = self.is_fixed(text)
            case ast.Call(func=ast.Attribute(value=composed, attr="format")):
                fixed = self._is_composed(composed)
            case _:
                fixed = False
        return fixed

    def _is_composed(self, node: ast.expr | None) -> bool:
        """By psycopg.sql, which quotes what is put into it; a string's own `format` does not."""
        if isinstance(node, ast.Name):
            return bool(self.bindings[node.id]) and all(map(self._is_composed, self.bindings[node.id]))
        return isinstance(node, ast.Call) and ast.unparse(node.func) == "sql.SQL" and self.is_fixed(node)

    def executed(self) -> Iterator[ast.expr]:
        for node in self._nodes:
            match node:
                case ast.Call(func=ast.Attribute(value=owner, attr=name), args=[query, *_]) if name in EXECUTING:
                    if not (isinstance(owner, ast.Name) and owner.id in OTHERS):
                        yield query
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
                    if name in self._asking:
                        yield arguments[self._asking[name]]


def unfixed(source: Source) -> list[tuple[str, str]]:
    return [(source.path, ast.unparse(query)) for query in source.executed() if not source.is_fixed(query)]


def test_only_sql_from_the_source_is_executed() -> None:
    sources = [Source(path) for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))]
    assert sum(len(list(source.executed())) for source in sources) > 40
    assert {found for source in sources for found in unfixed(source)} == ALLOWED


def test_what_a_statement_is_made_of_is_looked_up_where_it_is_defined() -> None:
    """`statements.X` is fixed because everything in those modules is."""
    for name in ("statements", "credit_statements"):
        source = Source(PROJECT / "runtime" / "attribution_job" / "sink" / f"{name}.py")
        constants = {target for target in source.bindings if target.isupper()}
        assert constants
        assert constants <= source.fixed


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
    ],
)
def test_text_from_elsewhere_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(f"{__name__}.PROJECT", tmp_path)
    (tmp_path / "module.py").write_text(text)
    assert unfixed(Source(tmp_path / "module.py")) != []
