"""The detectors over a generated shop: what they use of the future, and what the forest is for."""

from dataclasses import replace

import numpy as np
import pytest

from runtime.analytics.anomalies.backtest.days import HISTORY_DAYS, generate
from runtime.analytics.anomalies.backtest.shop import MONDAY
from runtime.analytics.anomalies.detection import expected_range, find_seasonal
from runtime.analytics.anomalies.isolation import fit
from runtime.analytics.anomalies.joint import joint_incidents
from runtime.analytics.anomalies.noise import noise_scale
from runtime.analytics.anomalies.residuals import residuals, value_at
from runtime.analytics.anomalies.series import Floats, Kind, Series, SeriesTable, Watch, aggregate
from runtime.analytics.anomalies.shop_series import shop_model

JUDGED_FROM = MONDAY + HISTORY_DAYS * 86_400


@pytest.fixture(scope="module")
def quiet() -> SeriesTable:
    """The series of a shop of 36 days without incidents."""
    return generate(8, 0, 3).table


@pytest.fixture(scope="module")
def disturbed(quiet: SeriesTable) -> SeriesTable:
    """The series of the same shop, which has no events in three hours of its 31st day."""
    begin = 30 * 288 + 120

    def lower(name: str, series: Series) -> Series:
        values = series.values.copy()
        values[begin : begin + 36] *= 0 if name.startswith(("clicks", "checkouts", "revenue")) else 1
        return replace(series, values=values)

    return replace(quiet, series={name: lower(name, series) for name, series in quiet.series.items()})


def cut(table: SeriesTable, count: int) -> SeriesTable:
    return SeriesTable(
        table.times[:count],
        table.step,
        {
            name: replace(one, values=one.values[:count], weights=None if one.weights is None else one.weights[:count])
            for name, one in table.series.items()
        },
    )


def test_an_alarm_needs_nothing_that_comes_after_it(disturbed: SeriesTable) -> None:
    first, *_ = [finding for finding in find_seasonal(disturbed, shop_model) if finding.alarm > JUDGED_FROM]
    count = round((first.alarm - MONDAY) / disturbed.step)
    assert 30 * 288 + 120 < count < 30 * 288 + 130
    alarms = {(finding.series, finding.alarm) for finding in find_seasonal(cut(disturbed, count), shop_model)}
    assert (first.series, first.alarm) in alarms


def test_a_weaker_day_after_a_sale_is_no_finding() -> None:
    """Also tests that the same day without a sale before it is one."""
    random = np.random.default_rng(4)
    rates = np.full(35 * 288, 100.0)
    after = 32 * 288
    rates[after : after + 144] *= 0.75
    sale = rates.copy()
    sale[after - 288 : after] *= 2

    def alarms(expected: Floats) -> list[float]:
        series = Series(random.poisson(expected).astype(np.float64), Kind.COUNT, watch=Watch.LOW, tolerance=0.2)
        times = MONDAY + 300.0 * np.arange(len(expected), dtype=np.float64)
        table = SeriesTable(times, 300.0, {"clicks": series})
        return [finding.alarm for finding in find_seasonal(table, shop_model) if finding.alarm > JUDGED_FROM]

    assert alarms(sale) == []
    (alarm,) = alarms(rates)
    assert MONDAY + 300 * after < alarm < MONDAY + 300 * (after + 144)


def test_weeks_with_incidents_do_not_hide_the_next_one() -> None:
    random = np.random.default_rng(5)
    week = 7 * 48
    deviations = random.normal(0, 1, 6 * week)
    deviations[week : week + 200] -= 8
    deviations[3 * week : 3 * week + 200] -= 8
    series = Series(np.zeros(6 * week), Kind.SHARE, watch=Watch.LOW)
    model, expected = shop_model(series, 1_800), np.full(6 * week, 50.0)
    newest = slice(5 * week, 5 * week + 200)
    assert float(np.median(noise_scale(deviations, series, model)[newest])) > 3
    assert float(noise_scale(deviations, series, model, expected)[newest].max()) < 2


def test_the_forest_finds_what_no_series_shows_and_needs_no_later_points() -> None:
    random = np.random.default_rng(1)
    deviations = {str(number): random.normal(0, 1, 3_000) * (random.random(3_000) < 0.2) for number in range(12)}
    for values in deviations.values():
        values[2_700:2_710] = -2.8
    (incident,), _ = joint_incidents(deviations, 500)
    assert (incident.begin, incident.end) == (2_700, 2_709)
    before = {name: values[: incident.alarm + 1] for name, values in deviations.items()}
    ((same,), _) = joint_incidents(before, 500)
    assert (same.begin, same.alarm) == (incident.begin, incident.alarm)


def test_a_quiet_value_is_within_the_expected_range(quiet: SeriesTable) -> None:
    hours = aggregate(quiet, 3_600)
    for series in hours.series.values():
        low, high = expected_range(series, shop_model(series, hours.step))
        known = np.isfinite(low) & np.isfinite(series.values)
        assert known.sum() > 400
        is_usual = {
            Watch.LOW: series.values >= low,
            Watch.HIGH: series.values <= high,
            Watch.BOTH: (series.values >= low) & (series.values <= high),
        }
        assert np.mean(is_usual[series.watch][known]) > 0.97


def test_a_point_that_deviates_in_several_series_is_the_most_isolated() -> None:
    random = np.random.default_rng(1)
    usual, points = random.normal(0, 1, (2_000, 8)), random.normal(0, 1, (300, 8))
    points[77] = 2.5
    scores = fit(usual, np.random.default_rng(2)).score(points)
    assert scores.argmax() == 77
    assert 0.4 < float(np.median(scores)) < 0.6


def test_a_forest_of_equal_points_tells_nothing() -> None:
    scores = fit(np.zeros((50, 3)), np.random.default_rng(1)).score(np.arange(9.0).reshape(3, 3))
    assert len(set(scores.tolist())) == 1


@pytest.mark.parametrize("kind", list(Kind))
def test_a_value_has_the_residual_that_it_is_computed_from(kind: Kind) -> None:
    baseline = np.array([0.02, 0.3, 0.6, 0.95]) if kind is Kind.SHARE else np.array([20.0, 80.0, 150.0, 3_000.0])
    weights: Floats = np.array([4_000.0, 500.0, 800.0, 9_000.0]) if kind is not Kind.COUNT else np.ones(4)
    for residual in (-2.0, 0.5, 3.0):
        values = value_at(kind, np.full(4, residual), baseline, weights)
        assert residuals(kind, values, baseline, weights) == pytest.approx(residual, abs=0.02)


def test_residuals_of_counts_have_the_noise_of_chance() -> None:
    random = np.random.default_rng(1)
    for expected in (5.0, 50.0, 5_000.0):
        counts = random.poisson(expected, 20_000).astype(np.float64)
        found = residuals(Kind.COUNT, counts, np.full(20_000, expected), np.ones(20_000))
        assert 0.75 < float(found.std()) < 1.02
