"""Other systems that journeys call: `destinations.yaml`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from language.duration import Duration
from language.part import Part

LONGEST_TIMEOUT = timedelta(seconds=30)
LONGEST_RETRY = timedelta(days=3)
FILE = "destinations.yaml"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = re.compile(r"webhook-.*|idempotency-key|content-.*|host|connection|transfer-encoding", re.IGNORECASE)
_SECRET = re.compile(r"authorization|proxy-authorization|cookie|.*(api-?key|token|secret|password).*", re.IGNORECASE)
_VARIABLE = re.compile(r"(?!SOJOURN_|TEMPORAL_)[A-Z][A-Z0-9_]*")


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or re.search(r"\s", value):
        raise ValueError("this is no address; write for example https://crm.example.com/leads")
    if parts.username or parts.password:
        raise ValueError("a password stands in the address; keep it in the environment and name it by `headers_env`")
    return value


def _variable(value: str) -> str:
    # What stands here may be a secret written in the wrong place: it is not repeated.
    if not _VARIABLE.fullmatch(value):
        raise ValueError(
            "this names no variable that may hold a secret; write the name of one in the worker's environment, "
            "such as CRM_SECRET, not one of Sojourn's own settings"
        )
    return value


def _header_names(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not _TOKEN.fullmatch(name) or not text.isprintable() or not text.isascii():
            raise ValueError(f"the header `{name}` cannot be sent; write plain words without line breaks")
        if _OURS.fullmatch(name):
            raise ValueError(f"Sojourn writes the header `{name}` itself; leave it out")
    return value


def _open_headers(value: dict[str, str]) -> dict[str, str]:
    for name in _header_names(value):
        if _SECRET.fullmatch(name):
            raise ValueError(
                f"the header `{name}` is a secret; put its value into the environment and write "
                f"`headers_env: {{{name}: NAME_OF_THE_VARIABLE}}`"
            )
    return value


def _timeout(value: timedelta) -> timedelta:
    if not timedelta(0) < value <= LONGEST_TIMEOUT:
        raise ValueError("a destination has at most 30 seconds to answer; write for example 10s")
    return value


def _retry_for(value: timedelta) -> timedelta:
    if value > LONGEST_RETRY:
        raise ValueError("retried for at most 3 days; write for example 15m")
    return value


Variable = Annotated[str, AfterValidator(_variable)]
Success = Annotated[
    str,
    BeforeValidator(str, json_schema_input_type=str | int),
    Field(pattern=r"^[2-5](xx|\d\d)$", examples=["2xx", "409"]),
]


class Destination(Part):
    """Another system, called over HTTP with JSON. No secrets here: they are in the worker's environment."""

    url: Annotated[str, AfterValidator(_url)] = Field(
        description="Where it is called; redirects are not followed.", examples=["https://crm.example.com/leads"]
    )
    method: Literal["POST", "PUT", "PATCH"] = Field(default="POST", description="The HTTP method.")
    headers: Annotated[dict[str, str], AfterValidator(_open_headers)] = Field(
        default_factory=dict, description="Sent as they stand. Nothing secret."
    )
    headers_env: Annotated[dict[str, Variable], AfterValidator(_header_names)] = Field(
        default_factory=dict,
        description="Headers whose values are in the environment, by the variable's name.",
        examples=[{"Authorization": "CRM_AUTHORIZATION"}],
    )
    secret_env: Variable | None = Field(
        default=None, description="The variable that holds the secret which signs calls.", examples=["CRM_SECRET"]
    )
    timeout: Annotated[Duration, AfterValidator(_timeout)] = Field(
        default=timedelta(seconds=10), description="How long it may take to answer; at most 30s."
    )
    retry_for: Annotated[Duration, AfterValidator(_retry_for)] = Field(
        default=timedelta(minutes=15), description="How long it is called again while it is down."
    )
    success: tuple[Success, ...] = Field(
        default=("2xx",), min_length=1, description="Which answers mean that it is done."
    )

    def takes(self, status: int) -> bool:
        """Whether an answer of this HTTP status means that it is done."""
        return any(wanted in (str(status), f"{status // 100}xx") for wanted in self.success)

    def variables(self) -> Iterator[str]:
        """The variables of the environment that it needs."""
        yield from self.headers_env.values()
        if self.secret_env is not None:
            yield self.secret_env


class Destinations(Part):
    """What `destinations.yaml` holds."""

    destinations: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Destination] = Field(
        default_factory=dict, description="By the name that `call:` uses."
    )


@dataclass(frozen=True, slots=True)
class CallClaimed:
    """This attempt may call. `customer_id` is whom the first attempt told of; `attempts` counts this one.

    `first_at` (journey time) begins the time for which it is retried.
    """

    customer_id: int
    attempts: int
    first_at: datetime
