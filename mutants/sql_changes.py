"""Changes of SQL: boundaries, conditions, orders, aggregates and assignments.

The text is not parsed. It is read as words, brackets and other signs, which is enough for statements that are formatted
as ours are. Comments and quoted texts do not change, apart from intervals.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mutants.change import Change

# A comment, or the end of a line of a text of Python that goes on in the next line.
BLANK = re.compile(r"--[^\n]*|\"\s*\n\s*f?\"")
NOT_READ = re.compile(r"'[^']*'|\"[^\"]*\"|%\(\w+\)s")
TOKEN = re.compile(r"\w+(?:\.\w+)*|<=|>=|<>|::|[^\w\s]")
BEGINNINGS = {"where", "on", "when", "and", "or"}
ENDS = {
    *("and", "or", "then", "order", "group", "limit", "union", "returning", "where", "left", "join", "cross", "from"),
    *("else", "end", "do", "window", "having", "set", "on", "select", "rows", "as", ",", ";"),
}
# Pairs of a pattern and its replacement.
REPLACEMENTS = [
    (re.compile(pattern), text)
    for pattern, text in (
        (r"(?<![<>=-])<(?![=>])", "<="),
        (r"<=", "<"),
        (r"(?<![<>=-])>(?![=>])", ">="),
        (r">=", ">"),
        (r"<>", "="),
        (r"\bleast(?=\()", "greatest"),
        (r"\bgreatest(?=\()", "least"),
        (r"\bmin(?=\()", "max"),
        (r"\bmax(?=\()", "min"),
        (r"\bleft join\b", "join"),
        (r"\bselect distinct\b(?! on)", "select"),
        (r"\bunion\b(?! all)", "union all"),
        (r"(?<= )\+(?= )", "-"),
        (r"(?<= )-(?= )", "+"),
        (r"\bis distinct from\b", "<>"),
        (r"\bis not null\b", "is null"),
        (r"\bis null\b", "is not null"),
        (r"\btrue\b", "false"),
        (r"\bfalse\b", "true"),
        (r" nulls last\b", ""),
    )
]
INTERVAL = re.compile(r"interval '?(\d+)")
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
NO_NUMBER = re.compile(r"numeric\([^)]*\)|\blimit \d+|\border by [\d, ]+|\bgroup by [\d, ]+|\breturning \d+")
BETWEEN = re.compile(r"(?P<value>[\w.]+)\s+between\s+(?P<low>.+?)\s+and\s+(?P<high>[^\n)]+)", re.DOTALL)
ORDER = re.compile(r"\border by ([^()\n]+)")
COALESCE = re.compile(r"\bcoalesce\(([^(),]+), ([^(),]+)\)")
ASSIGNMENT = re.compile(r"(?<=\n)\s+(?:set )?(\w+ = [^\n]+,)\n")


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    end: int


def changes(sql: str) -> Iterator[Change]:
    """Yields the changes of SQL text."""
    readable = _masked(NOT_READ, BLANK.sub(lambda match: " " * len(match[0]), sql))
    for pattern, text in REPLACEMENTS:
        yield from (Change(*match.span(), text) for match in pattern.finditer(readable))
    for match in INTERVAL.finditer(sql):
        yield Change(*match.span(1), str(int(match[1]) + 1))
    numbers = _masked(NO_NUMBER, _masked(INTERVAL, readable))
    yield from (Change(*match.span(), str(int(match[0]) + 1)) for match in NUMBER.finditer(numbers))
    for match in BETWEEN.finditer(readable):
        value, low, high = (sql[slice(*match.span(name))] for name in ("value", "low", "high"))
        yield Change(*match.span(), f"{value} > {low} and {value} <= {high}")
        yield Change(*match.span(), f"{value} >= {low} and {value} < {high}")
    for match in COALESCE.finditer(readable):
        yield Change(*match.span(), sql[slice(*match.span(1))])
    for match in ASSIGNMENT.finditer(readable):
        yield Change(*match.span(1), "")
    yield from _orders(readable)
    yield from _conditions(readable)


def _masked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: "?" * len(match[0]), text)


def _orders(sql: str) -> Iterator[Change]:
    """Yields changes that leave out a key of an order, or turn its direction."""
    for match in ORDER.finditer(sql):
        keys = [Token(key[0], match.start(1) + key.start(), match.start(1) + key.end())
                for key in re.finditer(r"[^,\s][^,]*(?=,|$)", re.split(r" rows | limit |;", match[1])[0])]  # fmt: skip
        for place, key in enumerate(keys):
            name = re.split(r" desc\b| limit\b", key.text)[0].rstrip()
            rest = "" if " desc" in key.text else " desc"
            yield Change(key.start + len(name), key.start + len(name) + (0 if rest else len(" desc")), rest)
            if len(keys) == 1:
                yield Change(match.start(), key.end, "")
            else:
                start, end = (key.start, keys[1].start) if place == 0 else (keys[place - 1].end, key.end)
                yield Change(start, end, "")


def _conditions(sql: str) -> Iterator[Change]:
    """Yields changes that leave out one condition: it holds always beside `and` or alone, and never beside `or`."""
    tokens = [Token(match[0], *match.span()) for match in TOKEN.finditer(sql)]
    ranges = _ands_of_ranges(tokens)
    for place, token in enumerate(tokens):
        if token.text in BEGINNINGS and place not in ranges:
            before = token.text
        elif token.text == "(" and _next_end(tokens, ranges, place + 1)[1] in ("and", "or"):
            before = ""
        else:
            continue
        if token.text == "on" and (
            tokens[place - 1].text == "distinct" or tokens[place + 1].text in ("conflict", "commit")
        ):
            continue
        end, after = _next_end(tokens, ranges, place + 1)
        condition = tokens[place + 1 : end]
        if not condition or [part.text for part in condition] in (["true"], ["false"]):
            continue
        holds = "and" in (before, after) or "or" not in (before, after)
        yield Change(condition[0].start, condition[-1].end, "true" if holds else "false")


def _next_end(tokens: Sequence[Token], ranges: set[int], start: int) -> tuple[int, str]:
    """Returns the place and the text of the token that ends the condition which begins at `start`."""
    depth = 0
    for place in range(start, len(tokens)):
        text = tokens[place].text
        if text == ")" and depth == 0:
            return place, text
        is_comparison = text == "from" and tokens[place - 1].text == "distinct"
        if depth == 0 and text in ENDS and place not in ranges and not is_comparison:
            return place, text
        depth += (text == "(") - (text == ")")
    return len(tokens), ""


def _ands_of_ranges(tokens: Sequence[Token]) -> set[int]:
    """Returns the places of each `and` that belongs to `between`."""
    places: set[int] = set()
    open_ranges: list[bool] = [False]
    for place, token in enumerate(tokens):
        match token.text:
            case "(":
                open_ranges.append(False)
            case ")":
                open_ranges[-1:] = [] if len(open_ranges) > 1 else [False]
            case "between":
                open_ranges[-1] = True
            case "and" if open_ranges[-1]:
                places.add(place)
                open_ranges[-1] = False
    return places
