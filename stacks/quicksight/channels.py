"""*Channels*: what each channel brought and cost, by each attribution model."""

from stacks.quicksight.datasets import Dataset, Kind, described
from stacks.quicksight.page import Choice, Page, Ratio
from stacks.quicksight.visuals import Chart, Measure

MODELS = (
    "first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based", "w_shaped", "shapley",
    "markov", "shapley_markov",
)  # fmt: skip
AMOUNTS: dict[str, Kind] = dict.fromkeys(MODELS, "DECIMAL")

# The view's own ratios are left out: a ratio of several rows is the ratio of the sums.
PERFORMANCE = Dataset(
    "channel-performance",
    """
    select day, channel, campaign, model, conversions, new_customers, gross_revenue, net_revenue, spend
      from channel_performance
    """,
    described(
        "channel_performance",
        day="DATETIME",
        channel="STRING",
        campaign="STRING",
        model="STRING",
        conversions="DECIMAL",
        new_customers="DECIMAL",
        gross_revenue="DECIMAL",
        net_revenue="DECIMAL",
        spend="DECIMAL",
    ),
)

COMPARISON = Dataset(
    "model-comparison",
    f"select day, channel, measure, {', '.join(MODELS)} from model_comparison",  # noqa: S608 - constants
    (
        *described("model_comparison", day="DATETIME", channel="STRING", measure="STRING"),
        *described("model_comparison", **AMOUNTS),
    ),
)

# Spend is the same in every model, so a sum over the models would count it ten times.
BY_ONE_MODEL = ("channels-spend", "channels-performance", "channels-campaigns")
FIGURES = (
    Measure("conversions"),
    Measure("new_customers"),
    Measure("net_revenue"),
    Measure("spend"),
    Measure("ROAS", "ratio"),
    Measure("CPA", "ratio"),
    Measure("CAC", "ratio"),
)

PAGE = Page(
    sheet_id="channels",
    name="Channels",
    datasets=(PERFORMANCE, COMPARISON),
    ratios=(
        Ratio("channel-performance", "ROAS", "net_revenue", "spend"),
        Ratio("channel-performance", "CPA", "spend", "conversions"),
        Ratio("channel-performance", "CAC", "spend", "new_customers"),
    ),
    visuals=(
        Chart("channels-models", "Net revenue by channel and model", "channel-performance", 36).bars(
            "channel", [Measure("net_revenue")], color="model"
        ),
        Chart("channels-comparison", "The models side by side", "model-comparison", 36).table(
            ["channel"], [Measure(model) for model in MODELS], sort=MODELS[0]
        ),
        Chart("channels-spend", "Spend and net revenue by channel", "channel-performance", 16).bars(
            "channel", [Measure("spend"), Measure("net_revenue")]
        ),
        Chart("channels-performance", "Channels", "channel-performance", 20).table(
            ["channel"], FIGURES, sort="net_revenue"
        ),
        Chart("channels-campaigns", "Campaigns", "channel-performance", 36).table(
            ["channel", "campaign"], FIGURES, sort="net_revenue"
        ),
    ),
    choices=(
        Choice("channels-model", "Model", "channel-performance", "model", "position_based", BY_ONE_MODEL),
        Choice("channels-measure", "Measure", "model-comparison", "measure", "net_revenue", ("channels-comparison",)),
    ),
    days=90,
)
