"""Constants of the attribution rule and of the join's key, and the places where the join can run."""

from datetime import timedelta
from typing import Literal, TypeAlias

ATTRIBUTION_WINDOW = timedelta(hours=1)
WATERMARK_DELAY = "5 minutes"
# Times are cut into blocks of this length. The join in Spark has the block in its key.
BLOCK = timedelta(hours=2)

# "spark" joins the two streams, "postgres" joins the tables.
Join: TypeAlias = Literal["spark", "postgres"]
