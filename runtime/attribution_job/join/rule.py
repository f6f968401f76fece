"""The constants of the rule, and the places where its join can run."""

from typing import Literal, TypeAlias

ATTRIBUTION_WINDOW = "1 hour"
WATERMARK_DELAY = "5 minutes"

# In Spark, of the two streams; or in PostgreSQL, of the tables.
Join: TypeAlias = Literal["spark", "postgres"]
