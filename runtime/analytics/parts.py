"""The parts of a refresh that build on the tables of the attribution models."""

from collections.abc import Callable, Mapping
from datetime import datetime

import psycopg

from runtime.analytics.anomalies.refreshing import refresh_anomalies
from runtime.analytics.experiments.refreshing import refresh_experiments
from runtime.analytics.quality.refreshing import refresh_quality
from runtime.analytics.segments.refreshing import refresh_segments

# Each brings its tables up to date in the transaction of the cursor, whose time zone is UTC, as of the given time.
PARTS: Mapping[str, Callable[[psycopg.Cursor, datetime], None]] = {
    "anomalies": refresh_anomalies,
    "experiments": refresh_experiments,
    "quality": refresh_quality,
    "segments": refresh_segments,
}
