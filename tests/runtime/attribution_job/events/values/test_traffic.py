"""Where a click came from: utm labels, the page's URL, click ids, the referrer."""

from typing import Any

import pytest

from runtime.attribution_job.events.contract import CLICK
from tests.runtime.attribution_job.events.examples import accepted, click, without

DIRECT = without(click, "utm_source", "utm_medium", "utm_campaign", "page_url")
SHOP = "https://www.shop.example/p"


def traffic(**fields: Any) -> tuple[str | None, str | None, str | None, list[str]]:
    """Returns the utm labels and the repairs of a click with these fields."""
    event = accepted(CLICK, DIRECT | fields)
    return event["utm_source"], event["utm_medium"], event["utm_campaign"], event["repairs"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?utm_source=google&utm_medium=cpc&utm_campaign=spring", ("google", "cpc", "spring")),
        ("?a=1&UTM_Source=google&Utm_Medium=cpc&utm_campaign=spring", ("google", "cpc", "spring")),
        ("?utm_source=b%C3%BCro&utm_campaign=spring%20sale+now", ("büro", None, "spring sale now")),
        ("?utm_campaign=100%25%20off%26more", (None, None, "100% off&more")),
        ("?utm_source=a%3Db&utm_medium=c=d", ("a=b", "c=d", None)),
        ("?utm_source=first&utm_source=second", ("first", None, None)),
        ("?utm_source=&utm_source=second", ("second", None, None)),
        ("?utm_source=google&amp;utm_medium=cpc", ("google", "cpc", None)),
        ("#utm_source=google&utm_medium=cpc", ("google", "cpc", None)),
        ("#/cart?utm_source=google", ("google", None, None)),
        ("?utm_source=query#utm_source=fragment&utm_medium=cpc", ("query", "cpc", None)),
        ("?utm_source=google&gclid=abc&fbclid=def", ("google", None, None)),
        ("?utm_campaign=spring&gclid=abc", (None, None, "spring")),
    ],
)
def test_missing_utm_labels_are_read_from_the_url(query: str, expected: tuple[str | None, ...]) -> None:
    assert traffic(page_url=SHOP + query) == (*expected, ["utm_from_url"])


def test_each_missing_label_is_read_by_itself() -> None:
    url = f"{SHOP}?utm_source=google&utm_medium=cpc&utm_campaign=spring"
    assert traffic(page_url=url, utm_source="News", utm_medium="") == (
        "News", "cpc", "spring", ["utm_from_url", "utm_placeholder"],
    )  # fmt: skip
    assert traffic(page_url=url, utm_source="a", utm_medium="b", utm_campaign="c") == ("a", "b", "c", [])


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert traffic(page_url=f"{SHOP}?utm_campaign=%FCber%00") == (
        None, None, "\ufffdber\ufffd", ["replaced_text", "utm_from_url"],
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", " ", "null", "NULL", "(not set)", " (Not Set) ", "undefined", "\u00a0"])
def test_a_placeholder_is_no_utm_label(text: str) -> None:
    assert traffic(utm_source=text) == (None, None, None, ["utm_placeholder"])
    assert traffic(page_url=f"{SHOP}?utm_source={text}") == (None, None, None, [])
    assert traffic(utm_source="a", utm_medium=text) == ("a", None, None, ["utm_placeholder"])


def test_other_texts_are_kept_as_they_are() -> None:
    assert traffic(utm_source="google ", utm_medium="CPC", utm_campaign="spring%20sale") == (
        "google ", "CPC", "spring%20sale", [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameter", "source", "medium"),
    [
        ("gclid", "google", "cpc"),
        ("GCLID", "google", "cpc"),
        ("gbraid", "google", "cpc"),
        ("wbraid", "google", "cpc"),
        ("msclkid", "bing", "cpc"),
        ("fbclid", "facebook", "paid_social"),
        ("ttclid", "tiktok", "paid_social"),
    ],
)
def test_a_click_id_names_the_platform_of_the_ad(parameter: str, source: str, medium: str) -> None:
    expected = (source, medium, None, ["utm_from_click_id"])
    assert traffic(page_url=f"{SHOP}?a=1&{parameter}=abc") == expected
    assert traffic(page_url=f"{SHOP}?{parameter}=abc", referrer="https://t.co/x") == expected
    assert traffic(page_url=f"{SHOP}?{parameter}=") == (None, None, None, [])
    assert traffic(page_url=f"{SHOP}?x{parameter}=abc") == (None, None, None, [])


@pytest.mark.parametrize(
    ("referrer", "source", "medium"),
    [
        ("https://www.google.com/", "google", "search"),
        ("https://www.google.co.uk/search?q=shoes", "google", "search"),
        ("http://google.de", "google", "search"),
        ("android-app://com.google.android.googlequicksearchbox/", "google", "search"),
        ("https://www.bing.com/search?q=shoes", "bing", "search"),
        ("https://duckduckgo.com/", "duckduckgo", "search"),
        ("https://de.search.yahoo.com/", "yahoo", "search"),
        ("https://yandex.ru/", "yandex", "search"),
        ("https://search.brave.com/", "brave", "search"),
        ("https://l.facebook.com/l.php?u=x", "facebook", "social"),
        ("https://m.facebook.com/", "facebook", "social"),
        ("https://www.instagram.com/", "instagram", "social"),
        ("https://t.co/abc", "twitter", "social"),
        ("HTTPS://WWW.LinkedIn.com/", "linkedin", "social"),
        ("https://www.reddit.com/r/shoes", "reddit", "social"),
        ("https://youtu.be/x", "youtube", "social"),
        ("https://blog.example.org/post", "blog.example.org", "referral"),
        ("https://www.partner.example:8080/", "partner.example", "referral"),
        ("https://mail.google.com/", "mail.google.com", "referral"),
        ("https://google.evil.example/", "google.evil.example", "referral"),
        ("https://notfacebook.com/", "notfacebook.com", "referral"),
        ("https://shop.example.evil.com/", "shop.example.evil.com", "referral"),
    ],
)
def test_a_referrer_of_another_site_gives_its_kind(referrer: str, source: str, medium: str) -> None:
    assert traffic(page_url=SHOP, referrer=referrer) == (source, medium, None, ["utm_from_referrer"])


@pytest.mark.parametrize(
    ("referrer", "page_url"),
    [
        ("https://www.shop.example/", SHOP),
        ("https://shop.example/", SHOP),
        ("https://checkout.shop.example/", "https://m.shop.example/"),
        ("http://SHOP.example:80/", SHOP),
        ("https://pay.shop.co.uk/", "https://www.shop.co.uk/"),
        ("https://www.google.com/shop", "https://store.google.com/"),
        ("https://blog.example.org/", None),
        ("https://blog.example.org/", "/p/1"),
        ("", SHOP),
        ("(direct)", SHOP),
        ("about:blank", SHOP),
        ("file:///home/page.html", SHOP),
        ("localhost", SHOP),
        ("http://[", SHOP),
    ],
)
def test_a_referrer_that_may_be_the_same_site_gives_nothing(referrer: str, page_url: str | None) -> None:
    assert traffic(page_url=page_url, referrer=referrer) == (None, None, None, [])


@pytest.mark.parametrize(
    "suffix",
    ["ac.uk", "co.uk", "com.au", "edu.au", "go.jp", "gov.uk", "ne.jp", "net.au", "or.jp", "org.uk"],
)
def test_sites_under_a_country_are_told_apart(suffix: str) -> None:
    expected = (f"blog.{suffix}", "referral")
    assert traffic(page_url=f"https://shop.{suffix}/", referrer=f"https://blog.{suffix}/")[:2] == expected


def test_a_search_engine_is_another_site_even_without_the_page() -> None:
    assert traffic(referrer="https://www.google.com/")[:2] == ("google", "search")


def test_the_referrer_is_not_asked_when_there_is_a_utm_label() -> None:
    assert traffic(page_url=SHOP, referrer="https://www.google.com/", utm_campaign="x") == (None, None, "x", [])
    assert accepted(CLICK, DIRECT | {"referrer": "https://www.google.com/"})["referrer"] == "https://www.google.com/"
