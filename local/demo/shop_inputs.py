"""Exchange rates and ad spend of the simulated shop, which people would load from files."""

import psycopg

# Value of a unit in EUR, the reporting currency.
RATES = {"USD": "0.86", "GBP": "1.14", "CAD": "0.62", "AUD": "0.57"}
# Channel, campaign, and spend in EUR of a day.
SPEND = (
    ("Paid Search", "brand-search", "9000"),
    ("Paid Social", "retargeting", "7500"),
    ("Paid Social", "summer-launch", "6000"),
    ("Affiliates", "reviews", "1200"),
)


def load(connection: psycopg.Connection) -> bool:
    """Loads both, and returns True, unless somebody has loaded rates or spend of their own."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("select exists (select from exchange_rates) or exists (select from ad_spend)")
        if cursor.fetchone() != (False,):
            return False
        cursor.executemany(
            "insert into exchange_rates (day, currency, rate) values ((now() at time zone 'UTC')::date - 30, %s, %s)",
            list(RATES.items()),
        )
        cursor.executemany(
            "insert into ad_spend (day, channel, campaign, amount, currency)"
            " values ((now() at time zone 'UTC')::date, %s, %s, %s, 'EUR')",
            SPEND,
        )
    return True
