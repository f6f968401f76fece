"""The default channel rules, which follow GA4's default channel grouping, and changes of the rules."""

import psycopg
import pytest

from runtime.attribution_job.events.values.currencies import CURRENCIES
from runtime.data_generator.shop import CHANNELS

# Source, medium, campaign, referrer, and the channel by https://support.google.com/analytics/answer/9756891
TRAFFIC = [
    (None, None, None, None, "Direct"),
    (None, None, None, "www.shop.example", "Direct"),
    ("(direct)", "(none)", None, None, "Direct"),
    (None, "(none)", None, None, "Direct"),
    ("google", "cpc", "x cross-network y", None, "Cross-network"),
    ("amazon", "cpc", None, None, "Paid Shopping"),
    ("google", "cpc", "Summer-Shopping", None, "Paid Shopping"),
    ("google", "cpc", "workshop", None, "Paid Search"),
    ("Google", "CPC", "brand", None, "Paid Search"),
    ("bing", "retargeting", None, None, "Paid Search"),
    ("facebook", "paid_social", None, None, "Paid Social"),
    ("tiktok", "paid_social", None, None, "Paid Social"),
    ("instagram", "cpm", None, None, "Paid Social"),
    ("youtube", "ppc", None, None, "Paid Video"),
    ("partner", "display", None, None, "Display"),
    ("partner", "cpm", None, None, "Display"),
    ("partner", "paidnative", None, None, "Paid Other"),
    ("etsy.com", "referral", None, None, "Organic Shopping"),
    ("partner", "article", "shop", None, "Organic Shopping"),
    ("l.facebook.com", "referral", None, None, "Organic Social"),
    ("facebook", "social", None, None, "Organic Social"),
    ("partner", "social-media", None, None, "Organic Social"),
    ("youtube.com", "referral", None, None, "Organic Video"),
    ("partner", "promo-video", None, None, "Organic Video"),
    ("google", "search", None, None, "Organic Search"),
    ("www.google.co.uk", "referral", None, None, "Organic Search"),
    ("de.search.yahoo.com", None, None, None, "Organic Search"),
    ("unknown engine", "organic", None, None, "Organic Search"),
    ("mail.google.com", "referral", None, None, "Referral"),
    ("partner", "app", None, None, "Referral"),
    ("newsletter", "e-mail", None, None, "Email"),
    ("email", None, "w", None, "Email"),
    ("partner", "affiliate", None, None, "Affiliates"),
    ("podcast", "audio", None, None, "Audio"),
    ("sms", None, None, None, "SMS"),
    ("partner", "sms", None, None, "SMS"),
    ("partner", "web push", None, None, "Mobile Push Notifications"),
    ("firebase", None, None, None, "Mobile Push Notifications"),
    ("partner", "something", None, None, "Unassigned"),
    (None, None, "campaign only", None, "Unassigned"),
]


@pytest.fixture
def labels(migrated: psycopg.Connection) -> psycopg.Connection:
    """Adds traffic with the labels of TRAFFIC, and groups it."""
    for source, medium, campaign, referrer, _ in TRAFFIC:
        texts = [text or "" for text in (source, medium, campaign, referrer)]
        migrated.execute(
            "insert into traffic (source, medium, campaign, referrer_host, digest)"
            " values (%s, %s, %s, %s, traffic_digest(%s, %s, %s, %s))",
            [*texts, *texts],
        )
    migrated.execute("select regroup_traffic()")
    return migrated


def channels(connection: psycopg.Connection) -> list[str]:
    query = "select channel from traffic_channels where traffic_id > 0 order by traffic_id"
    return [channel for (channel,) in connection.execute(query)]


def test_the_default_rules_follow_ga4(migrated: psycopg.Connection) -> None:
    for *labels, channel in TRAFFIC:
        assert migrated.execute("select channel_of(%s, %s, %s, %s)", labels).fetchone() == (channel,), labels


def test_traffic_has_the_channel_of_its_labels(labels: psycopg.Connection) -> None:
    assert channels(labels) == [channel for *_, channel in TRAFFIC]


def test_a_change_of_the_rules_regroups_traffic_at_once(labels: psycopg.Connection) -> None:
    labels.execute("insert into channel_rules (priority, source, channel, is_paid) values (0, '^partner$', 'P', true)")
    expected = ["P" if source == "partner" else channel for source, *_, channel in TRAFFIC]
    assert channels(labels) == expected
    labels.execute("update channel_rules set referrer = '^shop' where priority = 0")
    assert channels(labels) == [channel for *_, channel in TRAFFIC]
    labels.execute("delete from channel_rules")
    assert set(channels(labels)) == {"Direct", "Unassigned"}


def test_the_channels_of_the_simulated_shop(migrated: psycopg.Connection) -> None:
    names = [migrated.execute("select channel_of(%s, %s, %s, null)", channel[:3]).fetchone() for channel in CHANNELS]
    assert names == [
        (name,)
        for name in ("Direct", "Organic Search", "Paid Search", "Paid Social", "Email", "Paid Social", "Affiliates")
    ]


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("https://www.Example.com/a?b=c", "www.example.com"),
        ("https://user:password@example.com:8443", "example.com"),
        ("android-app://com.google.android.gm/", "com.google.android.gm"),
        ("http://example.com?x=/y", "example.com"),
        ("not a URL", ""),
        (None, ""),
    ],
)
def test_the_host_of_a_referrer(migrated: psycopg.Connection, referrer: str | None, host: str) -> None:
    assert migrated.execute("select referrer_host(%s)", [referrer]).fetchone() == (host,)


def test_labels_of_any_length_and_form_are_told_apart(migrated: psycopg.Connection) -> None:
    long = "ü" * 100_000
    pairs = [("a", "bc"), ("ab", "c"), (long, "x"), (long + "x", ""), ("", "")]
    digests = [migrated.execute("select traffic_digest(%s, %s, '', '')", pair).fetchone() for pair in pairs]
    assert len(set(digests)) == len(pairs)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ("(1, '(', 'x', true)", psycopg.errors.InvalidRegularExpression),
        ("(1, 'x', '(unattributed)', true)", psycopg.errors.CheckViolation),
        ("(1, 'x', '', true)", psycopg.errors.CheckViolation),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(
    migrated: psycopg.Connection, rule: str, error: type[psycopg.Error]
) -> None:
    with pytest.raises(error):
        migrated.execute(f"insert into channel_rules (priority, source, channel, is_paid) values {rule}".encode())


def test_every_currency_of_the_contract_has_a_smallest_unit(migrated: psycopg.Connection) -> None:
    digits: dict[str, int] = dict(migrated.execute("select currency, digits from currency_units").fetchall())
    assert digits.keys() == CURRENCIES
    assert {code: digits[code] for code in ("EUR", "JPY", "KWD", "CLF", "ISK")} == {
        "EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "ISK": 0,
    }  # fmt: skip
