"""Calibration on held-out weeks: the points of CDNOW's customers, and groups of equal probabilities."""

import numpy as np
import pytest

from runtime.analytics.segments import bg_nbd
from runtime.analytics.segments.calibration import calibration
from runtime.analytics.segments.histories import HeldOut
from tests.runtime.analytics.segments.cdnow import cdnow, history

CDNOW = bg_nbd.fit(cdnow().histories)


def test_points_of_cdnow_have_all_customers_and_rise() -> None:
    held_out = cdnow()
    points = calibration(CDNOW, held_out)
    assert len(points) == 10
    assert sum(point.customers for point in points) == 2_357
    assert all(200 < point.customers < 270 for point in points)
    probabilities = [point.predicted_probability for point in points]
    assert probabilities == sorted(probabilities)


def test_the_predictions_for_cdnow_are_close_to_what_its_customers_did() -> None:
    points = calibration(CDNOW, cdnow())
    for point in points:
        assert point.observed_share == pytest.approx(point.predicted_probability, abs=0.14)
    # The model is known to expect too few purchases of this cohort in its second year: 1,653 of 1,882.
    total = sum(point.customers * point.predicted_purchases for point in points)
    assert total == pytest.approx(1_653, abs=2)
    assert sum(point.customers * point.observed_purchases for point in points) == pytest.approx(1_882)


def test_customers_with_the_same_probability_are_in_one_group() -> None:
    held_out = HeldOut(history(0, 0, 30, customers=100), 4, np.array([0.0]))
    (point,) = calibration(CDNOW, held_out)
    assert point.customers == 100
    assert point.observed_share == 0
