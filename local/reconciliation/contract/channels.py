"""The channel that a click came by, from its labels, its page's address, and its referrer."""

import re
from collections.abc import Mapping
from urllib.parse import unquote_plus, urlsplit

from local.reconciliation.contract.values import storable

UTM = ("utm_source", "utm_medium", "utm_campaign")
PLACEHOLDERS = {"", "null", "(not set)", "undefined"}
CLICK_IDS = {
    "gclid": ("google", "cpc"),
    "gbraid": ("google", "cpc"),
    "wbraid": ("google", "cpc"),
    "msclkid": ("bing", "cpc"),
    "fbclid": ("facebook", "paid_social"),
    "ttclid": ("tiktok", "paid_social"),
}
SEARCH = re.compile(r"(?:www|search|m|\w\w)?\.?(google|bing|duckduckgo|yahoo|baidu|yandex|ecosia)\.\w{2,3}(?:\.\w\w)?")
SOCIAL = {
    "facebook.com": "facebook", "instagram.com": "instagram", "twitter.com": "twitter", "x.com": "twitter",
    "t.co": "twitter", "linkedin.com": "linkedin", "lnkd.in": "linkedin", "pinterest.com": "pinterest",
    "reddit.com": "reddit", "tiktok.com": "tiktok", "youtube.com": "youtube", "youtu.be": "youtube",
}  # fmt: skip


def read_channel(labels: Mapping[str, str | None], repairs: set[str]) -> dict[str, str | None]:
    """Returns the three utm labels of a click. `labels`: its labels as they were sent."""
    channel = {name: _meaning(labels[name]) for name in UTM}
    if any(labels[name] is not None and channel[name] is None for name in UTM):
        repairs.add("utm_placeholder")
    query = _query(labels["page_url"] or "")
    for name in UTM:
        if channel[name] is None and name in query:
            text = unquote_plus(query[name])
            repairs.update(["replaced_text"] if "\ufffd" in text and "\ufffd" not in query[name] else [])
            channel[name] = storable(text, repairs)
            repairs.add("utm_from_url")
    if any(channel.values()):
        return channel
    for click_id, (source, medium) in CLICK_IDS.items():
        if click_id in query:
            repairs.add("utm_from_click_id")
            return {"utm_source": source, "utm_medium": medium, "utm_campaign": None}
    return _from_referrer(labels["referrer"] or "", labels["page_url"] or "", repairs) or channel


def _meaning(text: str | None) -> str | None:
    return None if text is None or text.strip().lower() in PLACEHOLDERS else text


def _query(url: str) -> dict[str, str]:
    """Returns, by name, the first encoded value of the address's query or fragment that is no placeholder."""
    query: dict[str, str] = {}
    address, _, fragment = url.partition("#")
    in_fragment = fragment.partition("?")[2] or fragment
    for pair in [*address.partition("?")[2].split("&"), *in_fragment.split("&")]:
        name, _, value = pair.partition("=")
        if _meaning(unquote_plus(value)) is not None:
            query.setdefault(name.lower(), value)
    return query


def _from_referrer(referrer: str, page_url: str, repairs: set[str]) -> dict[str, str | None] | None:
    """Returns the channel of a referrer. An unknown site is another one only if the site of the page is known."""
    host, own_host = _host(referrer), _host(page_url)
    if host is None or (own_host and _is_within(host, own_host)):
        return None
    if match := SEARCH.fullmatch(host):
        source, medium = match[1], "search"
    elif site := next((site for site in SOCIAL if _is_within(host, site)), None):
        source, medium = SOCIAL[site], "social"
    elif own_host and "." in host:
        source, medium = host, "referral"
    else:
        return None
    repairs.add("utm_from_referrer")
    return {"utm_source": source, "utm_medium": medium, "utm_campaign": None}


def _is_within(host: str, site: str) -> bool:
    return f".{host}".endswith(f".{site}")


def _host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme else None
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None
