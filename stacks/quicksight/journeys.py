"""*Journeys*: by which paths customers come, how long they take, and which channels assist."""

from stacks.quicksight.datasets import Dataset, defined, described
from stacks.quicksight.page import Page, Ratio
from stacks.quicksight.visuals import Chart, Measure

# A diagram of longer paths has too many nodes to be read.
STEPS = 5
# Paths of at least this many touches share a bar.
LONG_PATH = 10

PATHS = Dataset(
    "paths",
    f"""
    select day, path, touches, conversions, non_conversions, net_revenue,
           case when touches < {LONG_PATH} then touches::text else '{LONG_PATH} or more' end as path_length
      from path_summary
    """,  # noqa: S608 - a constant
    (
        *described(
            "path_summary",
            day="DATETIME",
            path="STRING",
            touches="INTEGER",
            conversions="INTEGER",
            non_conversions="INTEGER",
            net_revenue="DECIMAL",
        ),
        *defined("STRING", {"path_length": f"Number of touches; paths of {LONG_PATH} or more are one group."}),
    ),
)

# An edge for each step of a path. The number of the step is part of the node's name, so no edge leads back.
STEPS_OF_PATHS = Dataset(
    "steps",
    f"""
    select p.day,
           s.step || '. ' || s.channel as source,
           case when s.next_channel is null then 'Checkout'
                when s.step = {STEPS} then 'Later touches'
                else s.step + 1 || '. ' || s.next_channel
           end as destination,
           sum(p.conversions)::bigint as conversions
      from path_summary p
     cross join lateral (
           select step, channel, lead(channel) over (order by step) as next_channel
             from string_to_table(p.path, ' > ') with ordinality as t (channel, step)
           ) s
     where p.touches > 0 and p.conversions > 0 and s.step <= {STEPS}
     group by 1, 2, 3
    """,  # noqa: S608 - a constant
    (
        *described("path_summary", day="DATETIME"),
        *defined(
            "STRING",
            {
                "source": "Place of a touch in its path, and its channel.",
                "destination": "The next touch of the path, or Checkout after its last one.",
            },
        ),
        *defined("INTEGER", {"conversions": "Checkouts whose path has this step."}),
    ),
)

DURATIONS = Dataset(
    "durations",
    """
    select t.day, extract(epoch from t.time_from)::bigint / 60 as minutes_from,
           n.time_from || coalesce(' to ' || n.time_to, ' or more') as duration,
           t.conversions, t.net_revenue
      from time_to_convert t
     cross join lateral (
           select max(label) filter (where bound = t.time_from) as time_from,
                  max(label) filter (where bound = t.time_to) as time_to
             from (select bound,
                          case when bound >= interval '1 day' then extract(day from bound) || ' d'
                               when bound >= interval '1 hour' then extract(hour from bound) || ' h'
                               else extract(minute from bound) || ' min'
                          end as label
                     from (values (t.time_from), (t.time_to)) bounds (bound)) labelled
           ) n
    """,
    (
        *described("time_to_convert", day="DATETIME"),
        *defined("INTEGER", {"minutes_from": "Shortest time of the row, in minutes."}),
        *defined("STRING", {"duration": "Time from the first touch to the checkout."}),
        *described("time_to_convert", conversions="INTEGER", net_revenue="DECIMAL"),
    ),
)

ASSISTS = Dataset(
    "assists",
    """
    select day, channel, first_touch_conversions, assisted_conversions, last_touch_conversions, assisted_net_revenue
      from assisted_conversions
    """,
    described(
        "assisted_conversions",
        day="DATETIME",
        channel="STRING",
        first_touch_conversions="INTEGER",
        assisted_conversions="INTEGER",
        last_touch_conversions="INTEGER",
        assisted_net_revenue="DECIMAL",
    ),
)

PAGE = Page(
    sheet_id="journeys",
    name="Journeys",
    datasets=(PATHS, STEPS_OF_PATHS, DURATIONS, ASSISTS),
    ratios=(Ratio("paths", "revenue per conversion", "net_revenue", "conversions"),),
    visuals=(
        Chart("journeys-flow", f"Touches of converting paths, up to the {STEPS}th", "steps", 36, 14).flow(
            "source", "destination", Measure("conversions")
        ),
        Chart("journeys-paths", "Paths", "paths", 36).table(
            ["path"],
            [
                Measure("conversions"),
                Measure("non_conversions"),
                Measure("net_revenue"),
                Measure("revenue per conversion", "ratio"),
            ],
            sort="conversions",
        ),
        Chart("journeys-length", "Conversions by path length", "paths", 18).bars(
            "path_length", [Measure("conversions")], order="touches"
        ),
        Chart("journeys-durations", "Conversions by time to convert", "durations", 18).bars(
            "duration", [Measure("conversions")], order="minutes_from"
        ),
        Chart("journeys-assists", "Conversions that a channel began, assisted and closed", "assists", 36).bars(
            "channel",
            [
                Measure("first_touch_conversions"),
                Measure("assisted_conversions"),
                Measure("last_touch_conversions"),
            ],
        ),
    ),
    days=90,
)
