"""Checks of a file of experiments that concern several rows."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from runtime.analytics.loading.reading import Problem, Row

# Columns that describe an experiment, and not a variant.
OF_EXPERIMENT = ("started_at", "ended_at", "metric", "alpha", "lift", "tolerated_fall")
MAX_VARIANTS = 100


def experiment_problems(rows: Sequence[Row]) -> list[Problem]:
    """Returns the problems of experiments whose rows do not fit together."""
    experiments: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if "experiment_id" in row.values:
            experiments[row.values["experiment_id"]].append(row)
    return [problem for name, variants in experiments.items() for problem in _problems(name, variants)]


def _problems(name: str, rows: Sequence[Row]) -> Iterator[Problem]:
    first = rows[0]
    if len(rows) == 1:
        yield Problem(first.line, f"experiment {name!r}: has one variant; add a row for each other variant")
    if len(rows) > MAX_VARIANTS:
        yield Problem(
            first.line, f"experiment {name!r}: has {len(rows):,} variants; at most {MAX_VARIANTS} are compared"
        )
    controls = [row for row in rows if row.values.get("is_control")]
    if not controls and all("is_control" in row.values for row in rows):
        yield Problem(first.line, f"experiment {name!r}: has no control; write true in is_control of one variant")
    for row in controls[1:]:
        yield Problem(row.line, f"is_control: line {controls[0].line} is the control of {name!r} already; keep one")
    for row in rows:
        started_at, ended_at = row.values.get("started_at"), row.values.get("ended_at")
        if started_at and ended_at and ended_at <= started_at:
            yield Problem(row.line, f"ended_at: {ended_at.isoformat()}: is not after started_at; correct one of them")
        for column in OF_EXPERIMENT:
            # Cells that cannot be read have a problem of their own.
            if {column} <= row.values.keys() & first.values.keys() and row.values[column] != first.values[column]:
                yield Problem(row.line, f"{column}: differs from line {first.line}; write the same for all of {name!r}")
