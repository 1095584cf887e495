"""Every setting of Sojourn: the environment (prefix `SOJOURN_`) or a `.env` file, read once."""

import base64
import json
import re
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from runtime import failpoint
from runtime.keys import parse_keys

PREFIX = "SOJOURN_"


class SettingsInvalid(Exception):
    """Settings are missing or wrong. The text has one line per variable and never a value."""


def _as_list(value: Any) -> Any:
    """`a,b` or `["a", "b"]` as a list of non-empty strings."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


def _as_plain_postgres(value: str) -> str:
    """The URL as asyncpg takes it; a SQLAlchemy driver (`postgresql+asyncpg://`) is dropped."""
    scheme, separator, rest = value.partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres") or not separator:
        raise ValueError("must start with postgresql://")
    return f"postgresql://{rest}"


def _without_trailing_slash(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _blank_as_none(value: Any) -> Any:
    return None if value == "" else value


def _readable_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    parse_keys(key.get_secret_value() for key in keys)
    return keys


def _readable_failpoints(specs: tuple[str, ...]) -> tuple[str, ...]:
    failpoint.parse(specs)
    return specs


def _readable_vapid_key(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    try:
        is_key = len(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) == 32
    except ValueError:
        is_key = False
    if not is_key:
        raise ValueError("must be 32 bytes as base64url")
    return key


def _readable_vapid_subject(subject: str) -> str:
    if not re.fullmatch(r"mailto:[^@\s]+@[\w-]+(\.[\w-]+)+", subject):
        raise ValueError("must be mailto: and an e-mail address")
    return subject


def _readable_service_account(account: SecretStr) -> SecretStr:
    try:
        given = json.loads(account.get_secret_value())
    except ValueError:
        raise ValueError("must be JSON: the text of the key file, in one line") from None
    names = ("project_id", "client_email", "private_key")
    if not isinstance(given, dict) or not all(isinstance(given.get(name), str) for name in names):
        raise ValueError(f"must hold {', '.join(names)}")
    return account


Keys = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_as_list)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_as_list)]
Url = Annotated[str, AfterValidator(_without_trailing_slash)]
OptionalUrl = Annotated[Url | None, BeforeValidator(_blank_as_none)]
OptionalText = Annotated[str | None, BeforeValidator(_blank_as_none)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_blank_as_none)]
OptionalVapidKey = Annotated[
    Annotated[SecretStr, AfterValidator(_readable_vapid_key)] | None, BeforeValidator(_blank_as_none)
]
OptionalVapidSubject = Annotated[
    Annotated[str, AfterValidator(_readable_vapid_subject)] | None, BeforeValidator(_blank_as_none)
]
OptionalServiceAccount = Annotated[
    Annotated[SecretStr, AfterValidator(_readable_service_account)] | None, BeforeValidator(_blank_as_none)
]
OptionalRate = Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(_blank_as_none)]
PostgresUrl = Annotated[str, AfterValidator(_as_plain_postgres), PlainSerializer(str)]


class Settings(BaseSettings):
    """One field per environment variable: `database_url` is `SOJOURN_DATABASE_URL`.

    Lists are written with commas or as JSON. Provider keys left out: the sandbox plays that provider.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    environment: Literal["development", "production"] = "development"
    host: str = Field("127.0.0.1", description="address the API listens on; anything but loopback needs keys")
    port: int = Field(8000, ge=0, le=65535)
    public_url: Url = Field("http://127.0.0.1:8000", description="where providers and customers reach the API")
    journeys: Path | None = Field(None, description="directory of journeys to publish")
    functions: Names = Field((), description="Python modules that register functions for `call:`")

    database_url: PostgresUrl = Field("postgresql://postgres@127.0.0.1:5432/sojourn", repr=False)
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_ui_url: OptionalUrl = Field(None, description="for links from our answers to Temporal's pages")

    write_keys: Keys = Field((), description="accepted for ingest")
    api_keys: Keys = Field((), description="accepted for everything else")
    encryption_keys: Annotated[Keys, AfterValidator(_readable_keys)] = Field(
        (), description="id:base64 of 32 bytes, the newest first; the first encrypts, all decrypt"
    )
    signing_keys: Annotated[Keys, AfterValidator(_readable_keys)] = Field(
        (), description="as those; the first signs customers' links, all are believed; else they follow from those"
    )

    twilio_account_sid: OptionalText = None
    twilio_auth_token: OptionalSecret = None
    twilio_from: OptionalText = None
    twilio_messaging_service_sid: OptionalText = None
    twilio_voice_from: OptionalText = Field(None, description="the number that calls; else TWILIO_FROM")
    twilio_whatsapp_from: OptionalText = Field(
        None, description="the number, or messaging service, of WhatsApp; for Twilio's own account there is no other"
    )
    twilio_calls_per_second: OptionalRate = Field(
        None, description="how many calls a second; else 1, and to a stand-in as fast as calls come"
    )
    sms_per_second: OptionalRate = Field(
        None, description="how many SMS a second; else 1 from a number, any from a messaging service or to a stand-in"
    )
    whatsapp_per_second: OptionalRate = Field(
        None, description="how many WhatsApp messages a second; else 10, and to a stand-in as fast as they come"
    )
    email_per_second: OptionalRate = Field(None, description="how many e-mails a second; else as fast as they come")
    push_per_second: OptionalRate = Field(None, description="how many pushes a second; else as fast as they come")
    web_push_per_second: OptionalRate = Field(
        None, description="how many web pushes a second; else as fast as they come"
    )
    transactional_per_second: OptionalRate = Field(
        None, description="how many transactional messages a second, of all channels; else as fast as they come"
    )
    twilio_url: OptionalUrl = None
    twilio_shows_within: OptionalRate = Field(
        None, description="seconds until Twilio's lists show whatever it accepted; else 15, and 1 of a stand-in"
    )
    twilio_fallback_account_sid: OptionalText = Field(None, description="a second account, used while the first fails")
    twilio_fallback_auth_token: OptionalSecret = None
    twilio_fallback_from: OptionalText = None
    twilio_fallback_messaging_service_sid: OptionalText = None
    twilio_fallback_voice_from: OptionalText = None
    twilio_fallback_whatsapp_from: OptionalText = None
    twilio_fallback_url: OptionalUrl = None
    twilio_webhook_shared_keys: Keys = Field((), description="id:secret, where Twilio signs with SharedKeys")
    sendgrid_api_key: OptionalSecret = None
    sendgrid_from: OptionalText = None
    sendgrid_webhook_public_key: OptionalText = None
    sendgrid_url: OptionalUrl = None
    sendgrid_shows_within: OptionalRate = Field(
        None, description="seconds until the Email Logs show whatever was accepted; else 60, and 1 of a stand-in"
    )
    sendgrid_fallback_api_key: OptionalSecret = Field(None, description="a second account, used while the first fails")
    sendgrid_fallback_from: OptionalText = None
    sendgrid_fallback_webhook_public_key: OptionalText = None
    sendgrid_fallback_url: OptionalUrl = None
    vapid_private_key: OptionalVapidKey = Field(None, description="signs web push: 32 bytes as base64url")
    vapid_subject: OptionalVapidSubject = Field(None, description="whom push services write to: mailto:…")
    web_push_services: Names = Field((), description="more hosts of push services, besides the browsers' own")
    web_push_url: OptionalUrl = None
    fcm_service_account: OptionalServiceAccount = Field(None, description="the text of Google's key file (JSON)")
    fcm_url: OptionalUrl = None

    sandbox_calls: Literal["no_answer", "answered", "busy", "machine", "wait"] = Field(
        "no_answer", description="how the sandbox ends a call that has rung out; wait: only its page does"
    )

    clock_speed: float = Field(1.0, gt=0, description="journey seconds per real second; embedded stack only")
    clock_origin: Annotated[AwareDatetime, AfterValidator(_in_utc)] | None = Field(
        None, description="when the journeys' clock agreed with the real one"
    )

    is_embedded: bool = Field(False, description="set by `sojourn up`: Temporal is the dev server on this machine")
    metrics_port: int | None = Field(None, ge=1, le=65535, description="where the worker serves its metrics")
    ready_file: Path | None = Field(None, description="a file the worker makes once it takes work")
    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    failpoints: Annotated[Names, AfterValidator(_readable_failpoints)] = Field(
        (), description="where to die, for tests of durability; see runtime/failpoint.py"
    )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the API."""
        return is_loopback(self.host)

    @property
    def is_guarded(self) -> bool:
        """Whether this process must not run without keys: production, or reachable from elsewhere."""
        return self.environment == "production" or not self.is_loopback

    @property
    def needs_sandbox(self) -> bool:
        """Whether the sandbox plays a provider here: one of them has no account, and only this machine is served."""
        return not self.is_guarded and bool(self._missing_twilio() + self._missing_sendgrid())

    @property
    def may_pretend(self) -> bool:
        """Whether the sandbox may stand in for channels that have no provider: nothing here reaches real people."""
        return not (self.is_guarded or self.sends_for_real)

    @property
    def sends_for_real(self) -> bool:
        """Whether a provider's account is set and nothing stands in for that provider."""
        real = (
            (self.twilio_account_sid, self.twilio_url),
            (self.sendgrid_api_key, self.sendgrid_url),
            (self.twilio_fallback_account_sid, self.twilio_fallback_url),
            (self.sendgrid_fallback_api_key, self.sendgrid_fallback_url),
            (self.vapid_private_key, self.web_push_url),
            (self.fcm_service_account, self.fcm_url),
        )
        return any(account is not None and stand_in is None for account, stand_in in real)

    def require_api(self) -> None:
        """Raises SettingsInvalid if the API cannot be run safely with these settings."""
        missing = self._missing(write_keys="keys for ingest", api_keys="keys for everything else")
        self._refuse(missing + self._missing_secrets() + self._missing_providers())

    def require_worker(self) -> None:
        """Raises SettingsInvalid if the worker cannot be run safely with these settings."""
        self._refuse(self._missing_secrets() + self._missing_providers())

    def _missing_providers(self) -> list[str]:
        """All of a provider, or nothing of it; and nothing only where the sandbox may play it."""
        twilio = (self.twilio_account_sid, self.twilio_auth_token, self.twilio_from, self.twilio_messaging_service_sid)
        sendgrid = (self.sendgrid_api_key, self.sendgrid_from)
        missing = self._missing_twilio() if self.is_guarded or any(twilio) else []
        missing += self._missing_sendgrid() if self.is_guarded or any(sendgrid) else []
        missing += self._missing_fallbacks()
        return missing + (self._missing_vapid() if self.vapid_private_key or self.vapid_subject else [])

    def _missing_fallbacks(self) -> list[str]:
        """A second account is whole as well, and comes after a first."""
        missing: list[str] = []
        if any(self._given("twilio_fallback_")):
            missing += self._missing(
                twilio_account_sid="the first account, which the second takes the place of",
                twilio_fallback_account_sid="from Twilio's console",
                twilio_fallback_auth_token="from Twilio's console",
            )
            if not self.twilio_fallback_messaging_service_sid:
                missing += self._missing(twilio_fallback_from="the number SMS come from (or …_MESSAGING_SERVICE_SID)")
        if any(self._given("sendgrid_fallback_")):
            missing += self._missing(
                sendgrid_api_key="the first account, which the second takes the place of",
                sendgrid_fallback_api_key="from SendGrid's settings",
                sendgrid_fallback_from="the verified address e-mails come from",
            )
        return list(dict.fromkeys(missing))

    def _given(self, beginning: str) -> list[str]:
        names = [name for name in type(self).model_fields if name.startswith(beginning)]
        return [name for name in names if getattr(self, name)]

    def _missing_twilio(self) -> list[str]:
        missing = self._missing(twilio_account_sid="from Twilio's console", twilio_auth_token="from Twilio's console")
        if self.twilio_messaging_service_sid:
            return missing
        return missing + self._missing(twilio_from="the number SMS come from (or TWILIO_MESSAGING_SERVICE_SID)")

    def _missing_sendgrid(self) -> list[str]:
        return self._missing(
            sendgrid_api_key="from SendGrid's settings", sendgrid_from="the verified address e-mails come from"
        )

    def _missing_vapid(self) -> list[str]:
        return self._missing(
            vapid_private_key="32 random bytes as base64url", vapid_subject="whom push services write to: mailto:…"
        )

    def _missing_secrets(self) -> list[str]:
        if not self.is_guarded:
            return []
        return self._missing(
            encryption_keys="id:base64 of 32 random bytes (outside development payloads are encrypted)"
        )

    def _missing(self, **meaning_by_field: str) -> list[str]:
        return [
            f"{PREFIX}{field.upper()}: not set; {meaning}"
            for field, meaning in meaning_by_field.items()
            if not getattr(self, field)
        ]

    @staticmethod
    def _refuse(missing: list[str]) -> None:
        if missing:
            raise SettingsInvalid("\n".join(missing))


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` win over the environment. Raises SettingsInvalid."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        # The chain is cut: pydantic's own text would show the values, secrets among them.
        raise SettingsInvalid(_explain(error)) from None
    except SettingsError as error:
        raise SettingsInvalid(str(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        name = "_".join(str(part) for part in fault["loc"][:1]).upper()
        lines.append(f"{PREFIX}{name}: {fault['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)
