"""SQL of a selection of checkouts: their paths, the credits of these, and the rates of their amounts."""

from collections.abc import Sequence

from psycopg import sql

from runtime.dashboard.panels import checkout_statements
from runtime.dashboard.panels.filters import MODELS, Filters

# The models that credit each checkout for itself, and those of them that need positions and times only.
OF_A_CHECKOUT = MODELS[:8]
OF_POSITIONS = MODELS[:6]

EVERY_PATH = sql.SQL("true")


def is_selective(filters: Filters) -> bool:
    """Whether the filters choose among the checkouts of a day and currency."""
    return bool(filters.device or filters.segment or filters.look_back)


def models_known(filters: Filters) -> Sequence[str]:
    """Returns the models whose credits are known for the chosen checkouts."""
    if filters.look_back:
        return OF_POSITIONS
    return OF_A_CHECKOUT if is_selective(filters) else MODELS


def credits(filters: Filters) -> sql.Composable:
    """Returns the common table expressions `credit` and `rate`."""
    if not is_selective(filters):
        conditions = sql.SQL("and currency = %(currency)s" if filters.currency else "")
        return sql.SQL(",").join(
            [sql.SQL(checkout_statements.SUMMED_CREDITS).format(conditions=conditions), rates(filters)]
        )
    return sql.SQL(",").join([paths(filters), sql.SQL(checkout_statements.CREDITS), rates(filters)])


def paths(filters: Filters, condition: sql.Composable = EVERY_PATH) -> sql.Composable:
    """Returns the common table expressions `chosen` and `path`, of the paths that meet the condition."""
    conditions = []
    if filters.currency:
        conditions.append(sql.SQL("and p.currency = %(currency)s"))
    if filters.device:
        conditions.append(
            sql.SQL(
                "and exists (select from raw_clicks c"
                " where c.click_id = p.first_click_id and c.click_timestamp = p.touch_times[1]"
                " and c.device_type = %(device)s)"
            )
        )
    if filters.segment:
        conditions.append(
            sql.SQL(
                "and p.checkout_id in (select v.checkout_id from conversion_paths v join customer_segments s"
                " using (user_id) where s.segment = %(segment)s)"
            )
        )
    return sql.SQL(checkout_statements.PATHS).format(
        dropped=sql.SQL(checkout_statements.TRIMMED if filters.look_back else "0"),
        decayed=sql.SQL(checkout_statements.TRIMMED_DECAYED if filters.look_back else "decayed"),
        conditions=sql.SQL(" ").join(conditions),
        condition=condition,
    )


def rates(filters: Filters) -> sql.Composable:
    """Returns the common table expression `rate`: the rate of each day and currency, or 1 for a chosen currency."""
    return sql.SQL(checkout_statements.NO_RATES if filters.currency else checkout_statements.RATES)


def with_channel(filters: Filters) -> sql.Composable:
    """Returns the condition on `path` that one of its touches came by the chosen channel."""
    if filters.channel is None:
        return EVERY_PATH
    if filters.channel == "(unattributed)":
        return sql.SQL("path.touches = 0")
    return sql.SQL("path.traffic_ids && array(select traffic_id from traffic_channels where channel = %(channel)s)")
