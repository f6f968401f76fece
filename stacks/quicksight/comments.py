"""The definitions of the database's columns, read from the migrations, so that each has one source."""

import re
from functools import cache
from pathlib import Path

MIGRATIONS = Path(__file__).parents[2] / "runtime" / "database" / "migrations"
# Adjacent string constants on several lines are one constant in SQL.
COMMENT = re.compile(r"^comment on column (\w+\.\w+) is\s+((?:'(?:[^']|'')*'\s*)+);", re.MULTILINE)
CONSTANT = re.compile(r"'((?:[^']|'')*)'")


@cache
def column_comments(folder: Path = MIGRATIONS) -> dict[str, str]:
    """Returns the comment of each column by `table.column`. A later migration's comment replaces an earlier one."""
    return {
        column: " ".join("".join(CONSTANT.findall(constants)).replace("''", "'").split())
        for path in sorted(folder.glob("*.sql"))
        for column, constants in COMMENT.findall(path.read_text())
    }
