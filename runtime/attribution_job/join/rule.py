"""Constants of the attribution rule, and the places where the join can run."""

from datetime import timedelta
from typing import Literal, TypeAlias

ATTRIBUTION_WINDOW = timedelta(hours=1)
WATERMARK_DELAY = "5 minutes"

# "spark" joins the two streams, "postgres" joins the tables.
Join: TypeAlias = Literal["spark", "postgres"]
