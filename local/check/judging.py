"""Verdicts on whole files: the kinds of their first events, and the reason for a file without an accepted one."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from local.check.summary import PLURAL, Summary
from local.check.verdicts import Judge
from local.errors import InputError
from local.event_files import event_file
from local.event_files.event_file import EventFile
from local.event_files.routing import ID_FIELDS
from local.event_files.rows import BrokenFileError
from runtime.attribution_job.events.contract import Kind
from runtime.attribution_job.events.mapping import EventMapping, MappingError, load_mapping

MAPPING_HINT = "--mapping reads events of another shape (docs/event-mappings.md)"


def print_line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def read_mapping(name_or_path: str | None) -> EventMapping | None:
    """Returns the mapping; None without a name.

    Raises:
        InputError: there is no such mapping, or it has an error.
    """
    try:
        return load_mapping(name_or_path) if name_or_path else None
    except MappingError as error:
        raise InputError(str(error)) from error


def judge_of(file: EventFile, mapping: EventMapping | None, *, of_records: bool = False) -> Judge:
    """Returns the judge of a file. Its default kind is the most frequent one of the first rows."""
    judge = Judge(file=str(file.path), mapping=mapping, arrived_at=datetime.now(UTC), of_records=of_records)
    kinds = _first_kinds(file, judge)
    return replace(judge, default_kind=kinds.most_common(1)[0][0]) if kinds else judge


def describe(file: EventFile, judge: Judge) -> str:
    """Returns a line about a file: its format, and the kinds of its first events."""
    counts = _first_kinds(file, judge)
    kinds = " and ".join(PLURAL[kind] for kind in PLURAL if counts[kind]) or "no event known by its fields"
    mapped = f", by the mapping {judge.mapping.name}" if judge.mapping else ""
    return f"{file.path}: {file.description()}" + (f"; begins with {kinds}{mapped}" if file.sample() else "")


def remedy(file: EventFile, judge: Judge, summary: Summary) -> str | None:
    """Returns why no event of a file was accepted, as far as its shape tells; None if one was, or if it is empty."""
    if summary.accepted or summary.lines == summary.blank:
        return None
    refused = summary.refused.counts
    if judge.mapping and not refused:
        return f"{file.path}: the mapping {judge.mapping.name} takes none of its records for an event"
    if not judge.mapping and file.columns and not ID_FIELDS.intersection(file.columns):
        return (
            f"{file.path}: none of its columns is click_id, checkout_id or refund_id; its first line must name the"
            f" columns; {MAPPING_HINT}"
        )
    reasons = "; ".join(f"{reason} ({count:,})" for reason, count in refused.most_common(3))
    is_foreign = not judge.mapping and not _first_kinds(file, judge)
    hint = f"; {MAPPING_HINT}" if is_foreign else ""
    return f"{file.path}: no event in it is accepted: {reasons}{hint}"


def problem(file: EventFile, judge: Judge) -> str | None:
    """Returns why no event of a file would be accepted; None if one would be, or if the file is empty.

    As a rule the first rows have an accepted event. If not, opens the file again and reads up to the first one.
    """
    summary = Summary()
    for row in file.sample():
        summary.add(row, judge.verdicts(row))
    if summary.accepted:
        return None
    summary = Summary()
    with event_file.opened(file.path) as again:
        try:
            for row in again.rows:
                summary.add(row, judge.verdicts(row))
                if summary.accepted:
                    break
        except BrokenFileError:
            pass  # The rows before it tell enough.
    return remedy(file, judge, summary)


def _first_kinds(file: EventFile, judge: Judge) -> Counter[Kind]:
    return Counter(verdict.kind for row in file.sample() for verdict in judge.verdicts(row) if verdict.kind)
