"""`python -m stacks.cost`: prints the hourly cost of each environment, from its configuration and list prices."""

from collections.abc import Iterator

from stacks import prices
from stacks.analyst_access import HOST_INSTANCE, HOST_VOLUME_GIB
from stacks.analytics_metrics import METRICS
from stacks.config import ENVIRONMENTS, Config
from stacks.job_metrics import FIELDS
from stacks.micro_batches import batch_cost, batches_per_hour
from stacks.network import endpoint_services

ZONES = 2
KEYS = 4  # streams, database, checkpoints and logs, alarms
SECRETS = 4  # owner, writer, analytics, analyst
# Constant rates (events/s) at which a million events are priced.
RATES = (100, 1000, 5000)
# Trigger intervals (seconds) at which micro-batches are priced.
INTERVALS = (0.2, 1, 5, 30)
# Of about twenty alarms: an alarm on an expression counts each of its metrics, and a band counts two more.
ALARMED_METRICS = 42
# An estimate of a network interface's flow log, with some hundred connections in each interval of ten minutes.
FLOW_LOG_RECORDS_HOUR = 2_000
FLOW_LOG_RECORD_BYTES = 150


def hourly(config: Config) -> Iterator[tuple[str, float]]:
    """Yields the label and the dollars an hour of each cost that does not depend on the events.

    stacks/micro_batches.py has the cost of micro-batches. Costs of the events themselves are left out.
    """
    month = prices.HOURS_PER_MONTH
    zones = 2 if config.database_multi_az else 1
    endpoints = len(endpoint_services(config))
    monitoring = (
        (len(FIELDS) + 1 + len(METRICS)) * prices.CUSTOM_METRIC_MONTH
        + ALARMED_METRICS * prices.ALARM_METRIC_MONTH
        + prices.DASHBOARD_MONTH
    )
    # The workers, the database in each zone, two functions, the endpoints in each zone, the NAT gateways and the host.
    interfaces = config.job_workers + zones + 2 + endpoints * ZONES + config.nat_gateways + config.analyst_host
    flow_log_gb = interfaces * FLOW_LOG_RECORDS_HOUR * FLOW_LOG_RECORD_BYTES / 1e9
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
    if config.analyst_host:
        yield (
            f"Analysts' host, {HOST_INSTANCE} with {HOST_VOLUME_GIB} GB",
            prices.ANALYST_HOST_HOUR + HOST_VOLUME_GIB * prices.EBS_GP3_GB_MONTH / month,
        )
    yield "Keys and secrets", (KEYS * prices.KMS_KEY_MONTH + SECRETS * prices.SECRET_MONTH) / month
    yield "Metrics, alarms, dashboard", monitoring / month
    yield f"VPC flow logs, {1000 * flow_log_gb:.0f} MB", flow_log_gb * prices.LOGS_GB


def table(config: Config) -> str:
    """Returns the hourly cost of an environment as a Markdown table."""
    lines = [f"| {config.environment} | $/hour |", "|---|---:|"]
    costs = list(hourly(config))
    lines += [f"| {label} | {cost:.3f} |" for label, cost in costs]
    total = sum(cost for _, cost in costs)
    return "\n".join([*lines, f"| **Total** | **{total:.2f}** |"])


def per_million(config: Config) -> str:
    """Returns the cost of a million events at each of RATES, from the hours in which they arrive."""
    total = sum(cost for _, cost in hourly(config)) + batches_per_hour(config.trigger_seconds) * batch_cost(config)
    prices_of_rates = [f"${total / (rate * 3600) * 1e6:.3f} at {rate:,} events/s" for rate in RATES]
    return (
        f"A million events in {config.environment}, joined in {config.attribution_join}: {', '.join(prices_of_rates)},"
        " if the configured capacity sustains the rate."
    )


def savings(config: Config, hours: int = 4, days: int = 20) -> str:
    """Returns what destroying an environment after each session saves."""
    total = sum(cost for _, cost in hourly(config))
    always, sessions = total * prices.HOURS_PER_MONTH, total * hours * days
    return (
        f"Left running, {config.environment} costs ${always:,.0f} a month. Destroyed after each session of {hours}"
        f" hours, {days} days a month, it costs ${sessions:,.0f}: {1 - sessions / always:.0%} less."
    )


def micro_batches(config: Config) -> str:
    """Returns the cost of micro-batches at the configured trigger interval, and at others."""

    def hour(seconds: float) -> str:
        return f"${batches_per_hour(seconds) * batch_cost(config):.2f}"

    others = [f"{hour(seconds)} at {seconds:g} s" for seconds in INTERVALS if seconds != config.trigger_seconds]
    return (
        f"While events arrive, the job of {config.environment} commits a micro-batch every {config.trigger_seconds} s."
        f" Its requests to S3 and its log line then cost {hour(config.trigger_seconds)} an hour ({', '.join(others)}),"
        " and nothing while no events arrive."
    )


def quicksight() -> str:
    """Returns the cost of QuickSight, which depends on the number of its users and is not in the tables."""
    return (
        f"QuickSight, which is opt-in, costs ${prices.QUICKSIGHT_AUTHOR_MONTH:.0f} a month for each author and"
        f" ${prices.QUICKSIGHT_READER_MONTH:.0f} for each reader. Its connection into the VPC is free, and direct"
        " queries need no SPICE capacity."
    )


def main() -> None:
    """Prints the costs of every environment."""
    print(f"List prices of {prices.REGION}, {prices.DATE}, without the events themselves.\n")
    for config in ENVIRONMENTS.values():
        print(table(config), end="\n\n")
        print(micro_batches(config), end="\n\n")
        print(per_million(config), end="\n\n")
        if not config.keeps_data:
            print(savings(config), end="\n\n")
    print(quicksight())


if __name__ == "__main__":
    main()
