"""Declarative mappings of foreign events to ours: docs/event-mappings.md shows how to write one."""

from runtime.attribution_job.events.mapping.loading import MappingError, built_in_names, load_mapping
from runtime.attribution_job.events.mapping.rules import EventMapping, Mapped

__all__ = ["EventMapping", "Mapped", "MappingError", "built_in_names", "load_mapping"]
