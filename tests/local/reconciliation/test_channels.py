"""Channels of clicks in section 2 of the event contract."""

import pytest

from tests.local.reconciliation.sending import accepted, click, repairs

PAGE = "https://shop.example/p"


def channel(**labels: object) -> tuple[str | None, str | None, str | None]:
    details = accepted(click(**labels)).details
    return details["utm_source"], details["utm_medium"], details["utm_campaign"]


def test_labels_of_the_event_stand_as_they_were_sent() -> None:
    labels = {"utm_source": "Google ", "utm_medium": "cpc", "utm_campaign": "spring%20sale"}
    assert channel(**labels, page_url=f"{PAGE}?utm_source=x&gclid=1") == tuple(labels.values())
    assert repairs(click(**labels)) == []


def test_missing_labels_are_read_from_the_address() -> None:
    url = f"{PAGE}?a=1&utm_source=google&utm_medium=cpc&utm_campaign=spring%20sale+%C3%BC&gclid=abc#top"
    assert channel(page_url=url) == ("google", "cpc", "spring sale ü")
    assert channel(page_url=url, utm_source="mail", utm_medium=" ") == ("mail", "cpc", "spring sale ü")
    assert repairs(click(page_url=url)) == ["utm_from_url"]


@pytest.mark.parametrize("text", ["", " ", "null", "(not set)", "undefined"], ids=repr)
def test_a_placeholder_is_no_label(text: str) -> None:
    assert channel(utm_source=text) == (None, None, None)
    assert channel(page_url=f"{PAGE}?utm_source={text}") == (None, None, None)
    assert channel(utm_source=text, page_url=f"{PAGE}?utm_source=mail") == ("mail", None, None)


@pytest.mark.parametrize(
    ("click_id", "source", "medium"),
    [
        ("gclid", "google", "cpc"),
        ("gbraid", "google", "cpc"),
        ("wbraid", "google", "cpc"),
        ("msclkid", "bing", "cpc"),
        ("fbclid", "facebook", "paid_social"),
        ("ttclid", "tiktok", "paid_social"),
    ],
)
def test_a_click_id_names_the_channel_without_labels(click_id: str, source: str, medium: str) -> None:
    url = f"{PAGE}?{click_id}=abc"
    assert channel(page_url=url) == (source, medium, None)
    assert repairs(click(page_url=url)) == ["utm_from_click_id"]
    assert channel(page_url=f"{url}&utm_source=mail") == ("mail", None, None)


@pytest.mark.parametrize(
    ("referrer", "source", "medium"),
    [
        ("https://www.google.co.uk/search?q=shoes", "google", "search"),
        ("https://duckduckgo.com/", "duckduckgo", "search"),
        ("https://m.facebook.com/", "facebook", "social"),
        ("https://t.co/x", "twitter", "social"),
        ("https://www.blog.example/post", "blog.example", "referral"),
        ("https://mail.google.com/", "mail.google.com", "referral"),
        ("https://shop.example/cart", None, None),
        ("https://www.shop.example/cart", None, None),
        ("https://account.shop.example/", None, None),
        ("", None, None),
        ("https://[", None, None),
    ],
)
def test_a_referrer_of_another_site_names_the_channel_without_labels(
    referrer: str, source: str | None, medium: str | None
) -> None:
    assert channel(referrer=referrer, page_url=PAGE) == (source, medium, None)
    assert accepted(click(referrer=referrer)).details["referrer"] == referrer


def test_only_a_known_site_is_another_site_when_the_page_is_unknown() -> None:
    assert channel(referrer="https://www.google.com/") == ("google", "search", None)
    assert channel(referrer="https://blog.example/") == (None, None, None)


def test_labels_in_the_fragment_and_in_capitals_are_read() -> None:
    assert channel(page_url=f"{PAGE}?a#/?UTM_SOURCE=mail") == ("mail", None, None)
    assert channel(page_url=f"{PAGE}?utm_source=&utm_source=mail") == ("mail", None, None)


def test_a_second_question_mark_belongs_to_a_value() -> None:
    assert channel(page_url=f"{PAGE}?ref=a?utm_source=mail&utm_medium=email") == (None, "email", None)


def test_an_unreadable_address_costs_nothing() -> None:
    assert channel(page_url="http://[", referrer="//") == (None, None, None)
    assert channel(page_url=f"{PAGE}?utm_source=%FF%00") == ("\ufffd\ufffd", None, None)
