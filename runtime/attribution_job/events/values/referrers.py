"""Sites that refer visitors to a shop: search engines, social networks, and others."""

import re
from urllib.parse import urlsplit

SEARCH, SOCIAL, REFERRAL = "search", "social", "referral"
COUNTRY = r"(?:com?\.)?[a-z]{2,3}"
# Hosts without `www.` and `m.`. A search engine's other services, such as its mail, are referrals.
ENGINES = {
    "google": rf"google\.{COUNTRY}|com\.google\.android\.googlequicksearchbox",
    "bing": r"(?:cn\.)?bing\.com",
    "yahoo": rf"(?:[a-z]+\.)?search\.yahoo\.{COUNTRY}|yahoo\.{COUNTRY}",
    "duckduckgo": r"(?:[a-z]+\.)?duckduckgo\.com",
    "ecosia": r"ecosia\.org",
    "brave": r"search\.brave\.com",
    "qwant": r"(?:lite\.)?qwant\.com",
    "startpage": r"startpage\.com",
    "baidu": r"baidu\.com",
    "sogou": r"sogou\.com",
    "yandex": rf"yandex\.{COUNTRY}|ya\.ru",
    "naver": r"(?:[a-z]+\.)?search\.naver\.com",
    "daum": r"search\.daum\.net",
    "seznam": r"search\.seznam\.cz",
}
NETWORKS = {
    "facebook": r"(?:[a-z]+\.)?facebook\.com|fb\.me|com\.facebook\.katana",
    "instagram": r"(?:l\.)?instagram\.com|com\.instagram\.android",
    "threads": r"(?:l\.)?threads\.(?:net|com)",
    "twitter": r"t\.co|twitter\.com|x\.com",
    "linkedin": r"(?:[a-z]+\.)?linkedin\.com|lnkd\.in|com\.linkedin\.android",
    "pinterest": rf"(?:[a-z]+\.)?pinterest\.{COUNTRY}|pin\.it",
    "tiktok": r"(?:[a-z]+\.)?tiktok\.com",
    "youtube": r"youtube\.com|youtu\.be",
    "reddit": r"(?:[a-z]+\.)?reddit\.com|com\.reddit\.frontpage",
    "snapchat": r"(?:[a-z]+\.)?snapchat\.com",
    "whatsapp": r"(?:[a-z]+\.)?whatsapp\.com|wa\.me",
    "telegram": r"(?:web\.)?telegram\.org|t\.me|org\.telegram\.messenger",
    "vk": r"(?:away\.)?vk\.com",
    "bluesky": r"(?:go\.)?bsky\.app",
    "weibo": r"weibo\.(?:com|cn)",
}
SITES = [
    (re.compile(pattern), source, kind)
    for sources, kind in ((ENGINES, SEARCH), (NETWORKS, SOCIAL))
    for source, pattern in sources.items()
]
# Under these names, a country's registry gives names to others: shop.co.uk is a site, co.uk is none.
SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"))


def source_of(referrer: str | None, page_url: str | None) -> tuple[str, str] | None:
    """Returns the source and the kind of a referrer that is another site than the page's.

    Without the page's site, only search engines and social networks are surely another site.
    """
    host, page_host = _host(referrer), _host(page_url) if referrer else None
    if host is None or (page_host and _site(host) == _site(page_host)):
        return None
    known = next(((source, kind) for pattern, source, kind in SITES if pattern.fullmatch(host)), None)
    return known or ((host, REFERRAL) if page_host and "." in host else None)


def _host(url: str | None) -> str | None:
    """Returns the host of a web address, or the package of an Android app, without `www.` and `m.`."""
    if not url:
        return None
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname if parts.scheme in {"http", "https", "android-app"} else None
    except ValueError:
        return None
    return re.sub(r"^(?:www|m)\.", "", host.rstrip(".")) if host else None


def _site(host: str) -> str:
    """Returns the name that a site's owner registered: the last two labels, or three under such as co.uk."""
    labels = host.split(".")
    is_under_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL
    return ".".join(labels[-3 if is_under_country else -2 :])
