"""Changes of Python: comparisons, conditions, operators, numbers, members of collections, and left-out statements.

No change concerns types, documentation, or the texts of logs and errors. A text that is SQL has the changes of SQL.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from mutants import sql_changes
from mutants.change import Change
from mutants.operators import ASSIGNMENTS, COMPARISONS, FUNCTIONS, ORDERS, WRAPPERS
from mutants.source import Source, is_call_of, is_log, without_docstring

SQL = re.compile(r"\s*(?:with|select|insert|update|create|lock|on conflict|[\w.]+ (?:is|[<>=]+|and) )")
DURATION = re.compile(r"(\d+) (?:second|minute|hour|day)s?")


def changes(source: str) -> Iterator[Change]:
    """Yields the changes of a module, without those that Python cannot read."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    for change in dict.fromkeys(finder.found):
        if _is_readable(change.apply(source)):
            yield change


def _is_readable(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


class _Finder(ast.NodeVisitor):
    """Collects the changes of the nodes that it visits."""

    def __init__(self, source: str) -> None:
        self.found: list[Change] = []
        self._source = Source(source)

    # Nodes without behaviour: types, documentation and texts for people.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_all([*node.args.defaults, *filter(None, node.args.kw_defaults), *without_docstring(node.body)])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all(without_docstring(node.body))

    def visit_Module(self, node: ast.Module) -> None:
        self._visit_all(without_docstring(node.body))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value and "TypeAlias" not in ast.dump(node.annotation):
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if "__all__" not in ast.dump(node.targets[0]) and not is_call_of(node.value, "getLogger", "TypeVar"):
            self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not (isinstance(node.value, ast.Name) and node.value.id in ("Literal", "Iterable", "Callable")):
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._replace(node, "pass")

    def visit_If(self, node: ast.If) -> None:
        if not any(name in ast.dump(node.test) for name in ("TYPE_CHECKING", "__name__")):
            self._negate(node.test)
            self.generic_visit(node)

    # Statements.

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and not is_log(node.value):
            self._replace(node, "pass")
            self.visit(node.value)
        elif not isinstance(node.value, ast.Call):
            self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if type(node.op) in ASSIGNMENTS:
            self._replace_between(node.target, node.value, *ASSIGNMENTS[type(node.op)])
        self.visit(node.value)

    def visit_Break(self, node: ast.Break) -> None:
        self._replace(node, "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._replace(node, "pass")

    # Expressions.

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self._replace(condition, "True")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, node.comparators, strict=False):
            self._replace_between(left, right, *COMPARISONS[type(operator)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for value in node.values:
            self._replace(node, f"({self._joined(node, value)})")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            self._replace(node, f"({self._source.text(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Sub):
            self._replace_between(node.left, node.right, "-", "+")
        elif not SQL.match(str(getattr(node.left, "value", ""))):
            self._replace(node, f"({self._source.text(node.left)})")
        if isinstance(node.op, ast.BitOr | ast.BitAnd):
            self._replace(node, f"({self._source.text(node.right)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._replace(node, str(not value))
        elif isinstance(value, int):
            self._replace(node, str(value + 1))
        elif isinstance(value, float) and value:
            self._replace(node, str(2 * value))
        elif isinstance(value, str):
            self._visit_text(node, value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._visit_text(node, "".join(str(getattr(part, "value", "")) for part in node.values))

    def visit_Call(self, node: ast.Call) -> None:
        if is_log(node):
            return
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in FUNCTIONS:
            end = self._source.span(node.func)[1]
            self.found.append(Change(end - len(name), end, FUNCTIONS[name]))
        if name in WRAPPERS and not node.keywords and len(node.args) <= 1:
            operand = node.args[0] if node.args else getattr(node.func, "value", None)
            if operand:
                self._replace(node, f"({self._source.text(operand)})")
        # The reason of a refusal is a text for people.
        self._visit_all([node.func, *(node.args[:1] if name == "require" else node.args), *node.keywords])

    def visit_Tuple(self, node: ast.Tuple | ast.List | ast.Set) -> None:
        if not all(isinstance(element, ast.Constant) for element in node.elts):
            self.generic_visit(node)
        elif len(node.elts) > 1:
            self._leave_out_members([self._source.span(element) for element in node.elts])

    visit_List = visit_Tuple  # noqa: N815
    visit_Set = visit_Tuple  # noqa: N815

    # Helpers.

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _visit_text(self, node: ast.expr, value: str) -> None:
        text = self._source.text(node)
        if value in ORDERS:
            self._replace(node, f'"{ORDERS[value]}"')
        elif match := DURATION.fullmatch(value):
            self._replace(node, text.replace(match[1], str(int(match[1]) + 1)))
        elif SQL.match(value):
            start, end = self._source.span(node)
            quote = re.match(r"[rf]*(\"\"\"|\")", text)
            if quote:
                inner_start, inner_end = start + quote.end(), end - len(quote[1])
                inner = self._source.content[inner_start:inner_end]
                self.found += [
                    Change(inner_start + change.start, inner_start + change.end, change.text)
                    for change in sql_changes.changes(inner)
                ]

    def _leave_out_members(self, spans: list[tuple[int, int]]) -> None:
        """Leaves out each member of a collection. A comma stays behind the only other one, which makes it a tuple."""
        for place, (start, end) in enumerate(spans):
            if place:
                self.found.append(Change(spans[place - 1][1], end, "," if len(spans) == 2 else ""))
            else:
                rest = self._source.content[slice(*spans[1])]
                self.found.append(Change(start, spans[1][1], rest + ("," if len(spans) == 2 else "")))

    def _negate(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.NamedExpr):
            self._replace(test, f"(not {self._source.text(test)})")

    def _joined(self, node: ast.BoolOp, left_out: ast.expr) -> str:
        word = " and " if isinstance(node.op, ast.And) else " or "
        return word.join(f"({self._source.text(value)})" for value in node.values if value is not left_out)

    def _replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        self.found.append(Change(*self._source.span(node), text))

    def _replace_between(self, left: ast.expr, right: ast.expr, pattern: str, text: str) -> None:
        """Replaces an operator between two expressions; brackets and spaces around it stay."""
        start, end = self._source.span(left)[1], self._source.span(right)[0]
        if match := re.search(pattern, self._source.content[start:end]):
            self.found.append(Change(start + match.start(), start + match.end(), text))
