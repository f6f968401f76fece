"""Where a click came from: its utm labels, or what stands for them in the page's URL or the referrer.

The keys of a URL are compared as they are written, without percent-decoding: `plain` looks for them in that way.
"""

from collections.abc import Mapping
from urllib.parse import unquote_plus

from runtime.attribution_job.events.values import Repairs
from runtime.attribution_job.events.values.labels import storable
from runtime.attribution_job.events.values.referrers import source_of

UTM = ("utm_source", "utm_medium", "utm_campaign")
PLACEHOLDERS = frozenset(("", "null", "undefined", "(not set)"))
# Parameters that ad platforms add to the links of their ads, with the source and the medium.
CLICK_IDS = {
    "gclid": ("google", "cpc"),
    "gbraid": ("google", "cpc"),
    "wbraid": ("google", "cpc"),
    "msclkid": ("bing", "cpc"),
    "fbclid": ("facebook", "paid_social"),
    "ttclid": ("tiktok", "paid_social"),
}


def is_placeholder(text: str) -> bool:
    """Tells whether a utm text says nothing."""
    return text.strip().lower() in PLACEHOLDERS


def read_traffic(labels: Mapping[str, str | None], repairs: Repairs) -> dict[str, str | None]:
    """Returns the three utm labels of a click, given all its labels.

    A label that is missing or a placeholder is read from the page's URL. If there is none at all, the click ids of ad
    platforms in that URL decide, and then the referrer.
    """
    stated = {field: labels[field] for field in UTM}
    for field, text in stated.items():
        if text is not None and is_placeholder(text):
            stated[field] = None
            repairs.add("utm_placeholder")
    if all(stated.values()):
        return stated
    parameters = _parameters(labels["page_url"] or "")
    found = {field: storable(parameters[field], repairs) for field in UTM if not stated[field] and field in parameters}
    utm = stated | found
    if found:
        repairs.add("utm_from_url")
    if any(utm.values()):
        return utm
    by_click_id = next((traffic for name, traffic in CLICK_IDS.items() if name in parameters), None)
    traffic = by_click_id or source_of(labels["referrer"], labels["page_url"])
    if traffic:
        repairs.add("utm_from_click_id" if by_click_id else "utm_from_referrer")
        utm["utm_source"], utm["utm_medium"] = traffic
    return utm


def _parameters(url: str) -> dict[str, str]:
    """Returns the traffic parameters of a URL that say something. The first of several with the same name counts.

    They can also be behind the `#`, as single-page applications have them. Links in HTML can have `&amp;` as separator.
    """
    parameters: dict[str, str] = {}
    if "=" not in url:
        return parameters
    page, _, fragment = url.partition("#")
    query, route = page.partition("?")[2], fragment.partition("?")[2] or fragment
    for parameter in f"{query}&{route}".replace("&amp;", "&").split("&"):
        key, _, value = parameter.partition("=")
        name = key.lower()
        if name in UTM or name in CLICK_IDS:
            # Bytes that are not UTF-8 become halves of surrogate pairs, which `storable` replaces.
            text = unquote_plus(value, errors="surrogateescape")
            if not is_placeholder(text):
                parameters.setdefault(name, text)
    return parameters
