"""Rules of a mapping: which records are events of ours, and where each field comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from runtime.attribution_job.events.contract import Kind
from runtime.attribution_job.events.mapping.expressions import Expression


class Mapped(NamedTuple):
    """An event of ours, not validated yet."""

    kind: Kind
    event: dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """One `[[event]]` of a mapping.

    `when` decides on the record. `each` selects values of the record, and there is an event for each of them: the
    fields then see `item`, the value, and `record`, the whole record.
    """

    kind: Kind
    when: Expression | None
    each: Expression | None
    fields: Mapping[str, Expression]

    def events(self, record: Mapping[str, Any]) -> Iterator[Mapped]:
        if self.when is not None and not self.when.holds(record):
            return
        for value in self._values(record):
            fields = ((name, expression(value)) for name, expression in self.fields.items())
            yield Mapped(self.kind, {name: field for name, field in fields if field is not None})

    def _values(self, record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        if self.each is None:
            return [record]
        items = self.each(record)
        return [{"item": item, "record": record} for item in items] if isinstance(items, list) else []


@dataclass(frozen=True)
class EventMapping:
    """The rules by which foreign records become events of ours.

    `record` selects the record inside its envelope.
    """

    name: str
    record: Expression | None
    rules: Sequence[Rule]

    def apply(self, value: Mapping[str, Any]) -> list[Mapped]:
        """Returns the events in a record, in the order of the rules; none when no rule is about the record.

        Never raises: an expression that does not fit the record leaves its field out.
        """
        record = self.record(value) if self.record else value
        return [event for rule in self.rules for event in rule.events(record)]
