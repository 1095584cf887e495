"""What Twilio's answers have in common: errors, pages of lists, times."""

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from api.sandbox.answer import ProviderError


class TwilioError(ProviderError):
    def __init__(self, code: int, message: str, status: int = 400) -> None:
        help_ = f"https://www.twilio.com/docs/errors/{code}"
        super().__init__(status, {"code": code, "message": message, "more_info": help_, "status": status})


def page(
    noun: str, found: Sequence[dict[str, Any]], path: str, query: dict[str, str], size: int, number: int
) -> dict[str, Any]:
    """One page of a list of `noun`; `found` has one more than fits when another page follows."""

    def uri(page_number: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': page_number})}"

    shown = found[:size]
    return {
        noun: list(shown),
        "page": number,
        "page_size": size,
        "start": size * number,
        "end": size * number + max(len(shown) - 1, 0),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "previous_page_uri": uri(number - 1) if number else None,
        "next_page_uri": uri(number + 1) if len(found) > size else None,
    }


def limits(query: dict[str, str]) -> tuple[int, int]:
    """The size and the number of the page that is asked for."""
    return min(int(query.get("PageSize", 50)), 1000), int(query.get("Page", 0))


def key_in(address: str | None) -> str | None:
    """Our own key in an address that was given for reports."""
    return parse_qs(urlsplit(address or "").query).get("key", [None])[0]


def rfc_2822(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0))
