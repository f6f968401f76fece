"""How the demo ends: the reconciliation as a table and as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich import box
from rich.table import Table

from local.demo.figures import Figures
from local.demo.view import ms, seconds
from local.reconciliation.comparison import Reconciliation


def account(result: Reconciliation, figures: Figures, restarts: int, began: datetime) -> dict[str, Any]:
    """What --report writes. Latencies are of events put after the job's first commit; before is start-up."""
    first = figures.first_credit
    return {
        "published": result.published,
        "accepted": result.accepted,
        "repeated": result.repeated,
        "dead_lettered": result.dead_lettered,
        "late": figures.late,
        "checkouts": result.checkouts,
        "attributed": result.attributed,
        "unattributed": result.unattributed,
        "lost": result.lost,
        "duplicated": result.duplicated,
        "wrong": result.wrong,
        "latency_ms": figures.overall,
        "seconds_to_first_credit": round((first - began).total_seconds(), 1) if first else None,
        "job_restarts": restarts,
    }


def table(result: Reconciliation, account: Mapping[str, Any]) -> Table:
    """The reconciliation for people; `account` is what `account` gives."""
    shown = Table(title="Reconciliation", box=box.ROUNDED, title_justify="left")
    shown.add_column("")
    shown.add_column("count", justify="right")
    shown.add_column("what it says", style="dim")
    latency = account["latency_ms"]
    for name, count, meaning in (
        ("published", result.published, "records that the two streams accepted"),
        ("accepted", result.accepted, "events in raw_clicks and raw_checkouts"),
        ("repeated", result.repeated, "records of an event that was there already"),
        ("dead-lettered", result.dead_lettered, "records refused, kept with their reason"),
        ("late", account["late"], "events behind the watermark: repaired, not lost"),
        ("checkouts", result.checkouts, "rows in attributed_checkouts"),
        ("attributed", result.attributed, "credited to a first click"),
        ("unattributed", result.unattributed, "no click in the hour before"),
    ):
        shown.add_row(name, f"{count:,}", meaning)
    shown.add_section()
    for name, count, meaning in (
        ("lost", result.lost, "published, and not in PostgreSQL"),
        ("duplicated", result.duplicated, "more rows than events"),
        ("wrong", result.wrong, "not what an independent recomputation gives"),
    ):
        shown.add_row(name, f"{count:,}", meaning, style="bold red" if count else "bold green")
    shown.add_section()
    shown.add_row("put to row", ms(latency["p50"]), "p50, from Kinesis' acceptance to the commit")
    shown.add_row("", ms(latency["p99"]), "p99")
    shown.add_row("first credit", seconds(account["seconds_to_first_credit"]), "after the start of the demo")
    for example in result.examples:
        shown.add_row("", "", example, style="red")
    return shown
