"""A second implementation of the event contract, independent of the job's code."""

from local.reconciliation.contract.events import LABELS, Content, Event, Kind, Outcome, read_record

__all__ = ["LABELS", "Content", "Event", "Kind", "Outcome", "read_record"]
