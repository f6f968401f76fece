"""`python -m stacks.cost`: what an hour of each environment costs, from its configuration and the list of prices."""

from collections.abc import Iterator

from stacks import prices
from stacks.config import ENVIRONMENTS, Config
from stacks.job_metrics import FIELDS
from stacks.network import CALLED

ZONES = 2
KEYS = 4  # streams, database, checkpoints and logs, alarms
SECRETS = 3  # owner, writer, analyst
# Events a second, around the clock, at which a million events are priced.
RATES = (100, 1000, 5000)
ALARMED_METRICS = 25  # of some twenty alarms; one with an expression counts each of its metrics


def hourly(config: Config) -> Iterator[tuple[str, float]]:
    """What is paid for by the hour, whether or not events flow; what is paid for by volume is below a cent."""
    month = prices.HOURS_PER_MONTH
    zones = 2 if config.database_multi_az else 1
    endpoints = 1 + (len(CALLED) if config.nat_gateways == 0 else 0)
    monitoring = (
        (len(FIELDS) + 1) * prices.CUSTOM_METRIC_MONTH
        + ALARMED_METRICS * prices.ALARM_METRIC_MONTH
        + prices.DASHBOARD_MONTH
    )
    yield f"Glue job, {config.job_workers} G.1X, while it runs", config.job_workers * prices.GLUE_DPU_HOUR
    yield "Kinesis, 2 on-demand streams", 2 * prices.KINESIS_STREAM_HOUR
    yield (
        f"RDS db.{config.database_instance}{', two zones' if zones == 2 else ''}",
        zones * prices.RDS_INSTANCE_HOUR[config.database_instance],
    )
    yield (
        f"RDS storage, {config.database_storage_gib} GB gp3",
        zones * config.database_storage_gib * prices.RDS_GP3_GB_MONTH / month,
    )
    if config.nat_gateways:
        yield (
            f"NAT gateway, {config.nat_gateways}",
            config.nat_gateways * (prices.NAT_GATEWAY_HOUR + prices.PUBLIC_IPV4_HOUR),
        )
    yield f"Interface endpoints, {endpoints} in {ZONES} zones", endpoints * ZONES * prices.INTERFACE_ENDPOINT_HOUR
    yield "Keys and secrets", (KEYS * prices.KMS_KEY_MONTH + SECRETS * prices.SECRET_MONTH) / month
    yield "Metrics, alarms, dashboard", monitoring / month


def table(config: Config) -> str:
    """The hourly cost of an environment as a table of Markdown."""
    lines = [f"| {config.environment} | $/hour |", "|---|---:|"]
    costs = list(hourly(config))
    lines += [f"| {what} | {cost:.3f} |" for what, cost in costs]
    total = sum(cost for _, cost in costs)
    return "\n".join([*lines, f"| **All of it** | **{total:.2f}** |"])


def per_million(config: Config) -> str:
    """What a million events cost at some rates, by the hours that they take to come."""
    total = sum(cost for _, cost in hourly(config))
    prices_of_rates = [f"${total / (rate * 3600) * 1e6:.3f} at {rate:,} events/s" for rate in RATES]
    return (
        f"A million events, join in {config.attribution_join}, in {config.environment}: {', '.join(prices_of_rates)},"
        " if what is configured carries them."
    )


def habit(config: Config, hours: int = 4, days: int = 20) -> str:
    """What it saves to destroy an environment after each session."""
    total = sum(cost for _, cost in hourly(config))
    always, sessions = total * prices.HOURS_PER_MONTH, total * hours * days
    return (
        f"Left running, {config.environment} costs ${always:,.0f} a month; destroyed after each session of {hours}"
        f" hours, {days} days a month, ${sessions:,.0f}: {1 - sessions / always:.0%} less."
    )


def main() -> None:
    """Print every environment."""
    print(f"List prices of {prices.REGION}, {prices.DATE}. Not in it: traffic, logs, and the events themselves.\n")
    for config in ENVIRONMENTS.values():
        print(table(config), end="\n\n")
        print(per_million(config), end="\n\n")
        if not config.keeps_data:
            print(habit(config), end="\n\n")


if __name__ == "__main__":
    main()
