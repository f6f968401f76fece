"""The account of a replay: lines, records and events by outcome."""

from collections.abc import Mapping

from rich import box
from rich.table import Table

from local.check.summary import number_of
from local.replay.records import LineCounts
from local.replay.stored import StoredCounts
from runtime.attribution_job.events.contract import Kind


def is_complete(counts: LineCounts, stored: StoredCounts) -> bool:
    """Returns whether every line, every record and every event is accounted for."""
    totals = stored.totals
    unreadable = counts.unreadable.counts.total()
    received = totals.accepted + totals.duplicates + sum(stored.refusals.values()) + totals.ignored
    return (
        counts.lines + counts.split == counts.blank + unreadable + counts.published
        and counts.published == totals.records
        and counts.events == received
    )


def table(counts: LineCounts, stored: StoredCounts, seconds: float) -> Table:
    account = Table(title="Account", box=box.ROUNDED, title_justify="left")
    account.add_column("")
    account.add_column("count", justify="right")
    account.add_column("meaning", style="dim", overflow="fold")

    def add(name: str, count: int, meaning: str) -> None:
        account.add_row(name, f"{count:,}", meaning)

    add("lines read", counts.lines, "lines, rows of tables, or elements of arrays, in all files")
    add("blank", counts.blank, "skipped lines")
    add("published", counts.published, "records accepted by the two streams")
    add("events", counts.events, "in these records; a record may hold several")
    account.add_section()
    totals = stored.totals
    accepted: Mapping[Kind, int] = {"click": totals.clicks, "checkout": totals.checkouts, "refund": totals.refunds}
    kinds = ", ".join(number_of(kind, count) for kind, count in accepted.items())
    add("accepted", totals.accepted, f"events stored, each id once: {kinds}")
    add("duplicates", totals.duplicates, "events of an id that was already stored; the first stands")
    add("revisions", totals.revisions, "stored checkouts that a later event changed")
    add("conflicts", sum(count for count, _ in stored.conflicts.values()), "other contents of an id, kept aside")
    for kind, (count, ids) in stored.conflicts.items():
        add("", count, f"{kind} ({', '.join(ids)})")
    add("ignored", totals.ignored, "no event, such as what a mapping leaves out")
    add("late", totals.late, "events behind the watermark; accepted and credited")
    account.add_section()
    add("repaired", totals.repaired, "accepted events, by repair")
    for name, count in stored.repairs.items():
        add("", count, name)
    account.add_section()
    unreadable = counts.unreadable
    refused = sum(stored.refusals.values()) + unreadable.counts.total()
    add("dead letters", refused, "refused events and lines, by reason")
    for count_text, meaning in unreadable.rows():
        account.add_row("", count_text, meaning)
    for reason, count in stored.refusals.items():
        places = stored.places.get(reason)
        add("", count, f"{reason} ({', '.join(places)})" if places else reason)
    account.add_section()
    add("checkouts", totals.output_rows, "rows in the output")
    add("attributed", totals.attributed, "checkouts credited to a first click")
    add("unattributed", totals.output_rows - totals.attributed, "checkouts without a click in the hour before")
    add("test orders", totals.test_orders, "checkouts that are left out of the output")
    add("robots' clicks", totals.robots_clicks, "clicks that no checkout is credited to")
    account.add_row("seconds", f"{seconds:,.1f}", "run time of the replay")
    return account
