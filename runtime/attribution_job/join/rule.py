"""Constants of the attribution rule, and the places where the join can run."""

from typing import Literal, TypeAlias

ATTRIBUTION_WINDOW = "1 hour"
WATERMARK_DELAY = "5 minutes"

# "spark" joins the two streams, "postgres" joins the tables.
Join: TypeAlias = Literal["spark", "postgres"]
