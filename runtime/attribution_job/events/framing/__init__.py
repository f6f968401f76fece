"""Framing: from a record's bytes to its events. A record holds zero or more events, in one of the usual wrappings."""

from runtime.attribution_job.events.framing.parts import Piece
from runtime.attribution_job.events.framing.unpack import unpack

__all__ = ["Piece", "unpack"]
