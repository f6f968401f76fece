"""The joint detector: an isolation forest over the deviations of all series together.

Few random cuts isolate a point at which several series deviate, each too little to be a finding of its own. The forest
sees only deviations that can be findings, so a sale is no more unusual to it than a quiet hour.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.anomalies import isolation
from runtime.analytics.anomalies.incidents import CALM_DEVIATION, Incident, find_incidents
from runtime.analytics.anomalies.quantiles import preceding
from runtime.analytics.anomalies.series import Floats

SEED = 19
PERIODS = 4
# Deviations beyond this are equally clear, and do not stretch the range in which the forest cuts.
CLEAR_DEVIATION = 10.0
# A score is compared with this quantile of the scores before. It has to be this much beyond, or nearly so three times
# in a row.
RARE = 0.99
THRESHOLD, RUN_SHARE = 1.9, 0.85
# Least distance of a rare score from the middle one: without it, very calm weeks would make small deviations unusual.
LEAST_SPREAD = 0.22


def joint_incidents(deviations: Mapping[str, Floats], period: int) -> tuple[list[Incident], Floats]:
    """Returns the incidents of all series together, and how unusual each point is.

    A forest is fitted for each period to the four periods before it. Missing deviations count as none.
    """
    features = np.column_stack([np.nan_to_num(values, nan=0.0) for values in deviations.values()])
    features = np.clip(features, -CLEAR_DEVIATION, CLEAR_DEVIATION)
    rows = np.arange(-(-len(features) // period) * period).reshape(-1, period)
    periods = preceding(len(rows), PERIODS, least=0)
    scores = _isolation(features, rows, periods)
    unusual = _standardised(scores, rows, periods)
    # In the unit of deviations: a rare score is the last calm one.
    unusual = np.maximum(unusual, 0.0) * CALM_DEVIATION
    thresholds = np.full(len(unusual), THRESHOLD * CALM_DEVIATION)
    return find_incidents(unusual, unusual, thresholds, RUN_SHARE, len(unusual)), unusual


def _isolation(features: Floats, rows: NDArray[np.int64], periods: NDArray[np.int64]) -> Floats:
    """Returns how easily each point is isolated among the points of the periods before it: from 0 to 1.

    The first period has no scores.
    """
    scores = np.full(len(features), np.nan)
    for own, earlier in zip(rows[1:], periods[1:], strict=True):
        forest = isolation.fit(features[_points(rows, earlier, len(features))], np.random.default_rng(SEED))
        points = own[own < len(features)]
        scores[points] = forest.score(features[points])
    return scores


def _standardised(scores: Floats, rows: NDArray[np.int64], periods: NDArray[np.int64]) -> Floats:
    unusual = np.zeros_like(scores)
    for own, earlier in zip(rows[2:], periods[2:], strict=True):
        middle, high = np.nanquantile(scores[_points(rows, earlier, len(scores))], (0.5, RARE))
        points = own[own < len(scores)]
        unusual[points] = (scores[points] - middle) / max(high - middle, LEAST_SPREAD)
    return unusual


def _points(rows: NDArray[np.int64], earlier: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    points = rows[earlier[earlier < len(rows)]].reshape(-1)
    return points[points < count]
