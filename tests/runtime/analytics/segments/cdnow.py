"""The purchases of CDNOW's customers: the data set on which the models of repeat purchases were published.

2,357 customers who bought from CDNOW for the first time in the first quarter of 1997: their purchases up to
30 September 1997, and those of the 39 weeks after. Fader and Hardie, https://www.brucehardie.com/datasets/.

`cdnow.csv` is computed from the purchases in CDNOW_sample.txt of https://github.com/CamDavidsonPilon/lifetimes (MIT
licence, copyright 2015 Cameron Davidson-Pilon), a row for each history; `customers` counts the customers who have it.
"""

import csv
from datetime import date
from pathlib import Path

import numpy as np

from runtime.analytics.segments.histories import DAYS_A_WEEK, HeldOut, Histories

AS_OF = date(1997, 9, 30)
HELD_OUT_WEEKS = 39


def cdnow() -> HeldOut:
    with (Path(__file__).parent / "cdnow.csv").open() as file:
        rows = list(csv.DictReader(file))

    def column(name: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return np.array([float(row[name]) for row in rows])

    histories = Histories(
        repeat_purchases=column("repeat_purchases"),
        recency=column("recency_days") / DAYS_A_WEEK,
        age=column("age_days") / DAYS_A_WEEK,
        repeat_value=column("repeat_value"),
        customers=column("customers"),
    )
    return HeldOut(histories, HELD_OUT_WEEKS, column("held_out_purchases"))


def history(
    repeat_purchases: float, recency: float, age: float, repeat_value: float = 0.0, customers: float = 1.0
) -> Histories:
    """Returns one history; times are in weeks."""
    values = (repeat_purchases, recency, age, repeat_value, customers)
    x, last, end, value, count = (np.array([number], np.float64) for number in values)
    return Histories(x, last, end, value, count)
