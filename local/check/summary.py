"""The summary of a check: the number of events by outcome and reason, with examples."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich import box
from rich.table import Table

from local.check.verdicts import Verdict
from local.event_files.rows import Row
from runtime.attribution_job.events.contract import Kind

MAX_EXAMPLES = 3
MAX_REASONS = 30
PLURAL: Mapping[Kind, str] = {"click": "clicks", "checkout": "checkouts", "refund": "refunds"}


def number_of(kind: Kind, count: int) -> str:
    return f"{count:,} {kind if count == 1 else PLURAL[kind]}"


@dataclass
class Reasons:
    """The number of events by reason, and the places of the first few."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, place: str) -> None:
        self.counts[reason] += 1
        if len(self.examples[reason]) < MAX_EXAMPLES and place not in self.examples[reason]:
            self.examples[reason].append(place)

    def merge(self, other: "Reasons") -> None:
        self.counts += other.counts
        for reason, places in other.examples.items():
            self.examples[reason] = (self.examples[reason] + places)[:MAX_EXAMPLES]

    def rows(self) -> list[tuple[str, str]]:
        """Returns the count and the meaning of each row in a table, the most frequent reason first."""
        rows = [
            (f"{count:,}", f"{reason} ({', '.join(self.examples[reason])})")
            for reason, count in self.counts.most_common(MAX_REASONS)
        ]
        others = len(self.counts) - MAX_REASONS
        return [*rows, ("", f"and {others} other reasons")] if others > 0 else rows


@dataclass
class Summary:
    """Counts of one file or of several. `lines`: lines, rows or elements that were read, with the blank ones."""

    lines: int = 0
    blank: int = 0
    accepted: Counter[Kind] = field(default_factory=Counter)
    ignored: int = 0
    refused: Reasons = field(default_factory=Reasons)
    repaired: Reasons = field(default_factory=Reasons)

    def add(self, row: Row, verdicts: Iterable[Verdict]) -> None:
        self.lines += 1
        self.blank += row.is_blank
        for verdict in verdicts:
            self._add(verdict)

    def merge(self, other: "Summary") -> None:
        self.lines += other.lines
        self.blank += other.blank
        self.accepted += other.accepted
        self.ignored += other.ignored
        self.refused.merge(other.refused)
        self.repaired.merge(other.repaired)

    def _add(self, verdict: Verdict) -> None:
        place = f"{Path(verdict.file).name}:{verdict.line}"
        if verdict.verdict == "refused":
            self.refused.add(verdict.reason or "refused", place)
        elif verdict.verdict == "ignored":
            self.ignored += 1
        else:
            self.accepted[verdict.kind or "click"] += 1
            for name in verdict.repairs:
                self.repaired.add(name, place)

    def table(self) -> Table:
        table = Table(title="Check", box=box.ROUNDED, title_justify="left")
        table.add_column("")
        table.add_column("count", justify="right")
        table.add_column("meaning", style="dim", overflow="fold")
        kinds = ", ".join(number_of(kind, self.accepted[kind]) for kind in PLURAL if self.accepted[kind])
        refused = self.refused.counts.total()
        events = self.accepted.total() + refused + self.ignored
        table.add_row("lines read", f"{self.lines:,}", "lines, rows of tables, or elements of arrays")
        table.add_row("blank", f"{self.blank:,}", "skipped lines")
        table.add_row("events", f"{events:,}", "in these lines; a line may hold several")
        table.add_section()
        table.add_row("accepted", f"{self.accepted.total():,}", kinds)
        table.add_row("ignored", f"{self.ignored:,}", "no event, such as what a mapping leaves out")
        table.add_row("refused", f"{refused:,}", "would become dead letters, by reason")
        for count, meaning in self.refused.rows():
            table.add_row("", count, meaning)
        table.add_section()
        table.add_row("repaired", "", "accepted events, by repair")
        for count, meaning in self.repaired.rows():
            table.add_row("", count, meaning)
        return table
