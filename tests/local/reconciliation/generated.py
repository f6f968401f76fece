"""Strategies for records: events with usual, odd and invalid values, in every framing of the event contract."""

import base64
import gzip
import json
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from tests.local.reconciliation.sending import CHECKOUT, CLICK, REFUND, cloudwatch, encode, envelopes, kpl

UUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
ODD_TEXT = [
    "", " ", "null", "(not set)", "undefined", "None", "0", "-1", "x\0", "half \ud83d", "ok \U0001f600", "u\u0301",
    " a ",
]  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers(-10, 10**19) | st.floats() | st.sampled_from(ODD_TEXT) | st.text(max_size=5)
)
JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "product_id"]), inner, max_size=2)
    ),
    max_leaves=6,
)
ANYTHING = JSON_VALUES.map(json.dumps)


def texts(*values: object) -> st.SearchStrategy[str]:
    """Returns a strategy for the JSON text of the values."""
    return st.sampled_from([json.dumps(value) for value in values])


IDS = texts("u1", "Ann", 7001, 7001.0, UUID, UUID.lower(), "guest", 0, "u" * 256, "u" * 257, None, *ODD_TEXT)
EPOCHS = st.builds(
    lambda seconds, unit, form: form.format(seconds * unit),
    st.integers(0, 4 * 10**9) | st.integers(1795420000, 1795450000),
    st.sampled_from([1, 1000, 1_000_000, 1_000_000_000]),
    st.sampled_from(["{}", '"{}"', "{}.0", '"{}.5"', "-{}"]),
)
DATES = ["2026-11-23", "2026-02-30", "2024-02-29", "1969-12-31", "1970-01-01", "0000-01-01", "9999-12-31"]
CLOCKS = ["11:00:00", "11:59:59", "12:05:00", "12:05:01", "11:00", "24:00:00", "23:59:60", "23:59:59"]
FRACTIONS = ["", ".5", ",123", ".123456789", ".1234567890", "."]
ZONES = ["Z", "z", "+00:00", "-0000", "+00", " UTC", "gmt", "+05:30", "-18:00", "+18:01", "+19", "", "CET", "\n"]
ISO = st.tuples(*map(st.sampled_from, (DATES, ["T", "t", " "], CLOCKS, FRACTIONS, ZONES))).map("".join).map(json.dumps)
OTHER_TIMES = texts("20261123T110000Z", "20261123T1100Z", "20261123110000", "20261323110000", "2026-11-23", "now", "")
TIMES = ISO | EPOCHS | OTHER_TIMES
AMOUNTS = st.sampled_from(
    [
        "39.9", "1e3", "1E-4", "19.90000", "0.00001", "-0.0", "1e400", "-5", "999999999999999.9999", "1000000000000000",
        "1980", "NaN", "Infinity", '"19.90"', '"+1.5"', '"-0"', '"-39.90"', '".50"', '"5."', '"1e3"', '" 7 "',
        '"1,234.50"', '"39,90"', '"1_000"', '"NaN"', '"1.99999"', '"1e999999999"',
    ]
)  # fmt: skip
CURRENCIES = texts("EUR", "usd", "EUR ", "ZZZ", "EURO", "", None, 978, "HRK", "JPY")
LABELS = texts(
    20260301, 788032119674292900, True, 1.5, 2.0, ["card", "cash"], [], [{}], [None, 7], "card", {"a": 1}, *ODD_TEXT
)
QUERIES = [
    "utm_source=google&utm_medium=cpc&utm_campaign=spring%20sale", "utm_source=&utm_medium=email", "gclid=abc",
    "fbclid=1", "utm_source=a+b&gclid=abc", "msclkid=&ttclid=1", "utm_source=%C3%BC%FF%00", "utm_source", "",
    "x=1&utm_campaign=(not%20set)", "utm_source=%20&UTM_Source=b",
]  # fmt: skip
PAGES = texts("http://[", "/p?utm_source=mail", None, *(f"https://shop.example/p?{query}#top" for query in QUERIES))
REFERRERS = texts(
    "https://www.google.com/search?q=a", "https://www.facebook.com/", "https://blog.example/post",
    "https://www.shop.example/p", "https://t.co/x", "", None, "about:blank", "https://[",
)  # fmt: skip
AGENTS = texts(
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "curl/8.5.0",
)
FLAGS = texts(True, False, 1, 0, "true", "FALSE", "yes", "no", "1", "0", "", None, "maybe", 2, [], 1.0)
REVISIONS = texts(0, 1, 2.0, "2", -1, 1.5, "two", True, None, [], 2**63 - 1, 2**63)
VERSIONS = texts(1, 1.0, "1", None, 2, "2", True, [1], "")
NUMBERS = texts(1, 2.0, "2", 0.5, -1, 3000000000, "19.95", 19.95, "1e3", ".5", "two", True, None, [1])
ITEM = st.fixed_dictionaries(
    {}, optional={"product_id": LABELS, "quantity": NUMBERS, "unit_price": NUMBERS, "name": LABELS}
).map(lambda item: json_object([*item.items()]))
ITEMS = texts(None, [], "[]", {"product_id": "p"}, ["p-1"]) | st.lists(ITEM | LABELS, max_size=3).map(
    lambda items: f"[{','.join(items)}]"
)
FIELDS: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("click_id", "checkout_id", "refund_id", "user_id"), IDS),
    **dict.fromkeys(("click_timestamp", "checkout_timestamp", "refund_timestamp", "sent_at"), TIMES),
    **dict.fromkeys(("total_amount", "amount"), AMOUNTS),
    **dict.fromkeys(("session_id", "product_id", "utm_source", "utm_medium", "utm_campaign"), LABELS),
    **dict.fromkeys(("payment_method", "experiment_id", "variant"), LABELS),
    **dict.fromkeys(("is_bot", "cancelled", "test"), FLAGS),
    "device_type": LABELS | texts("bot", "BOT", "phone"),
    "page_url": PAGES | LABELS,
    "referrer": REFERRERS | LABELS,
    "user_agent": AGENTS | LABELS,
    "revision": REVISIONS,
    "items": ITEMS,
    "currency": CURRENCIES,
    "schema_version": VERSIONS,
    "colour": ANYTHING,
}


def json_object(pairs: Sequence[tuple[str, str]]) -> str:
    """Returns the JSON text of an object, in which a name may be repeated. `pairs`: names, and JSON texts of values."""
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}"


def changed(event: dict[str, object]) -> st.SearchStrategy[str]:
    """Returns a strategy for the event with a few other values, and perhaps a field twice."""
    plain = {name: json.dumps(value) for name, value in event.items()}
    field = st.sampled_from([*FIELDS]).flatmap(lambda name: st.tuples(st.just(name), FIELDS[name] | ANYTHING))
    changes = st.lists(field, max_size=3)
    twice = st.lists(st.sampled_from([*plain.items(), ("x", "1"), ("variant", '"b"')]), max_size=1)
    return st.builds(lambda changes, twice: json_object([*(plain | dict(changes)).items(), *twice]), changes, twice)


EVENTS = st.sampled_from([CLICK, CHECKOUT, REFUND]).flatmap(changed)
PLAIN_EVENTS = texts(CLICK, CHECKOUT, REFUND)
PARTS = PLAIN_EVENTS | texts(None, 5, "text", {}) | st.sampled_from(['{"click_id":', "text", "", "\xfcber"])


def framed(parts: Sequence[str], framing: str) -> bytes:
    """Returns a record that holds the parts."""
    data = [part.encode("latin-1" if "\xfc" in part else "utf-8") for part in parts]
    if framing == "KPL":
        return kpl(*data)
    if framing == "CloudWatch":
        return cloudwatch(*parts)
    if framing == "array":
        return b"[" + b" , ".join(part for part in data if part.startswith(b"{") and part.endswith(b"}")) + b"]"
    if framing == "concatenated":
        return b"".join(part for part in data if part.startswith(b"{"))
    return {"lines": b"\n", "CRLF": b"\r\n", "blank lines": b"\n\n"}[framing].join(data)


FRAMINGS = ["KPL", "CloudWatch", "array", "concatenated", "lines", "CRLF", "blank lines"]
LAYERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "base64": base64.b64encode,
    "mark": lambda data: data if data[:1] > b"\x7f" or data[:1] == b"\x1f" else b"\xef\xbb\xbf \n" + data + b"\n",
    "KPL": kpl,
    "none": lambda data: data,
}
FRAMED = st.builds(
    lambda parts, framing, layer: LAYERS[layer](framed(parts, framing)),
    st.lists(PARTS, max_size=4),
    st.sampled_from(FRAMINGS),
    st.sampled_from([*LAYERS]),
)
ENVELOPED = st.builds(
    lambda event, number: encode(envelopes(event)[number]),
    st.sampled_from([CLICK, CHECKOUT, REFUND]),
    st.integers(0, 3),
)
RECORDS = EVENTS.map(str.encode) | FRAMED | ENVELOPED | st.binary(max_size=60) | JSON_VALUES.map(encode)
