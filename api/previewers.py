"""Programs that open links without anybody having clicked: what messengers, networks and mail scanners call themselves.

From the vendors' own pages on their crawlers, and https://github.com/monperrus/crawler-user-agents (MIT). Scanners that
call themselves a browser, such as Outlook's Safe Links, cannot be told from one.
"""

import re
from collections.abc import Mapping

NAMES = (
    # Messengers and networks, when a link is written or shown.
    *("facebookexternalhit", "facebot", "meta-externalagent", "meta-externalfetcher", "whatsapp/", "telegrambot"),
    *("slackbot", "slack-imgproxy", "discordbot", "skypeuripreview", "microsoftpreview", "twitterbot", "linkedinbot"),
    *("pinterestbot", "redditbot", "snap url preview", "kakaotalk-scrap", "vkshare", "odklbot", "embedly", "iframely"),
    # Mail programs and what protects them.
    *("googleimageproxy", "yahoomailproxy", "bingpreview", "mail.ru_bot", "barracuda", "proofpoint", "mimecast"),
    # Search engines, whoever told them of the link.
    *("googlebot", "google-inspectiontool", "google-safety", "bingbot", "yandexbot", "applebot", "duckduckbot"),
    *("baiduspider", "ahrefsbot", "semrushbot", "petalbot"),
    # Libraries.
    *("curl/", "wget/", "python-", "aiohttp/", "go-http-client", "java/", "apache-httpclient", "axios/", "node-fetch"),
    *("headlesschrome", "libwww-perl", "guzzlehttp"),
)
"""Parts of `User-Agent`, in small letters."""

_ANY = re.compile("|".join(map(re.escape, NAMES)))
_PURPOSES = ("purpose", "sec-purpose", "x-purpose", "x-moz")


def is_machine(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request is surely not a person's click. `headers` finds names in small letters."""
    user_agent = headers.get("user-agent", "").lower()
    destination = headers.get("sec-fetch-dest", "document")  # browsers say `image` and the like for what pages hold
    is_ahead = any(word in headers.get(name, "").lower() for name in _PURPOSES for word in ("prefetch", "preview"))
    return method != "GET" or not user_agent or destination != "document" or is_ahead or bool(_ANY.search(user_agent))
