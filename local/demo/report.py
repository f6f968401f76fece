"""The demo's reconciliation as a table and as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich import box
from rich.table import Table

from local.demo.figures import Figures
from local.demo.view import ms, seconds
from local.reconciliation.comparison import Reconciliation


def json_fields(result: Reconciliation, figures: Figures, restarts: int, began: datetime) -> dict[str, Any]:
    """Returns the fields of the report that --report writes. The latencies leave out the start of the job."""
    first_credit = figures.first_credit
    return {
        "records": result.records,
        "published": result.published,
        "accepted": result.accepted,
        "repeated": result.repeated,
        "dead_lettered": result.dead_lettered,
        "ignored": result.ignored,
        "repaired": sum(figures.repairs.values()),
        "refunds": result.refunds,
        "conflicts": result.conflicts,
        "late": figures.late,
        "checkouts": result.checkouts,
        "attributed": result.attributed,
        "unattributed": result.unattributed,
        "lost": result.lost,
        "duplicated": result.duplicated,
        "wrong": result.wrong,
        "latency_ms": figures.overall,
        "seconds_to_first_credit": round((first_credit - began).total_seconds(), 1) if first_credit else None,
        "job_restarts": restarts,
    }


def table(result: Reconciliation, report: Mapping[str, Any]) -> Table:
    """Returns the reconciliation as a table. `report`: the result of `json_fields`."""
    rows = Table(title="Reconciliation", box=box.ROUNDED, title_justify="left")
    rows.add_column("")
    rows.add_column("count", justify="right")
    rows.add_column("meaning", style="dim")
    latency = report["latency_ms"]
    for name, count, meaning in (
        ("records", result.records, "accepted by the two streams; a record may hold several events"),
        ("published", result.published, "events in the records"),
        ("accepted", result.accepted, "events stored in raw_clicks, raw_checkouts and raw_refunds"),
        ("repeated", result.repeated, "more events under an accepted id: copies, revisions, conflicts"),
        ("conflicts", result.conflicts, "events under a stored id with other content, kept beside the stored event"),
        ("dead-lettered", result.dead_lettered, "refused events, stored with their reason"),
        ("repaired", report["repaired"], "repairs of accepted events, by which no event is lost for its form"),
        ("late", report["late"], "events behind the watermark, repaired by the sink"),
        ("checkouts", result.checkouts, "rows in attributed_checkouts"),
        ("attributed", result.attributed, "checkouts credited to a first click"),
        ("unattributed", result.unattributed, "checkouts without a click in the hour before"),
        ("refunds", result.refunds, "rows in raw_refunds"),
    ):
        rows.add_row(name, f"{count:,}", meaning)
    rows.add_section()
    for name, count, meaning in (
        ("lost", result.lost, "published events that PostgreSQL does not hold"),
        ("duplicated", result.duplicated, "rows in excess of the published events"),
        ("wrong", result.wrong, "rows that differ from an independent recomputation"),
    ):
        rows.add_row(name, f"{count:,}", meaning, style="bold red" if count else "bold green")
    rows.add_section()
    rows.add_row("put to row", ms(latency["p50"]), "p50, from acceptance by Kinesis to the commit")
    rows.add_row("", ms(latency["p99"]), "p99")
    rows.add_row("first credit", seconds(report["seconds_to_first_credit"]), "time from the start of the demo")
    for example in result.examples:
        rows.add_row("", "", example, style="red")
    return rows
