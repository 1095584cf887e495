"""The channels a worker sends by: one line of registration each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from activities.channel import MAIN, Channel, Route
from activities.channels.email import EmailChannel, SendGridAccount
from activities.channels.google_token import ServiceAccount
from activities.channels.push import FcmAccount, PushChannel
from activities.channels.sandbox import SandboxChannel, UnprovidedChannel
from activities.channels.sms import SmsChannel
from activities.channels.twilio_client import TwilioAccount
from activities.channels.voice import VoiceChannel
from activities.channels.web_push import WebPushAccount, WebPushChannel
from activities.channels.whatsapp import WhatsappChannel
from language.channel import CHANNELS
from language.push_reports import PushReports
from runtime.settings import Settings, is_loopback
from runtime.signing import Signer
from store.database import Database
from store.sandbox import SandboxAccount, SandboxInbox
from store.whatsapp_windows import WhatsappWindows

APP = "Sojourn"
"""Whom push messages of the sandbox come from."""

DEVICES = ("push", "web_push")
"""Channels whose messages are reported on by the device that shows them."""

LOCAL_SETTLE = timedelta(seconds=1)
"""How long a stand-in on this machine may take to show what it accepted; a real provider takes longer."""

FALLBACK = "fallback"
"""The account that takes the place of the first while that fails."""

Provided = SmsChannel | WhatsappChannel | VoiceChannel | EmailChannel | WebPushChannel | PushChannel


@dataclass(frozen=True, slots=True)
class Channels:
    """Made inside the running event loop; `close` ends their connections."""

    routes: dict[str, Route]
    _open: tuple[Provided, ...]

    @classmethod
    def from_settings(cls, settings: Settings, db: Database) -> "Channels":
        made = {MAIN: tuple(_provided(settings, db)), FALLBACK: tuple(_fallbacks(settings, db))}
        routes: dict[str, Route] = {
            name: Route(_accounts(made, name) or {MAIN: _stand_in(name, settings, db)}) for name in CHANNELS
        }
        return cls(routes, made[MAIN] + made[FALLBACK])

    @property
    def by_name(self) -> dict[str, Channel]:
        """Each channel by its first account."""
        return {name: route.first for name, route in self.routes.items()}

    @property
    def provider_by_account(self) -> dict[tuple[str, str], str]:
        """By channel and account, in the order in which they are tried."""
        return {
            (name, account): channel.provider
            for name, route in self.routes.items()
            for account, channel in route.by_account.items()
        }

    async def close(self) -> None:
        for channel in self._open:
            await channel.close()


def _accounts(made: dict[str, tuple[Provided, ...]], name: str) -> dict[str, Channel]:
    return {account: channel for account, channels in made.items() for channel in channels if channel.name == name}


def _provided(settings: Settings, db: Database) -> Iterator[Provided]:
    """The channels that have a provider, or a stand-in that answers as one."""
    account = twilio_account(settings)
    lent = SandboxAccount.of(settings.database_url).phone if is_local(account.url) else None
    yield SmsChannel(account)
    if sender := settings.twilio_whatsapp_from or lent:
        yield WhatsappChannel(replace(account, sender=sender), WhatsappWindows(db))
    if sender := settings.twilio_voice_from or settings.twilio_from or lent:
        yield VoiceChannel(replace(account, sender=sender))
    yield EmailChannel(sendgrid_account(settings))
    if web_push := web_push_account(settings):
        yield WebPushChannel(web_push, reports=push_reports(settings, web_push.url))
    if fcm := fcm_account(settings):
        yield PushChannel(fcm, reports=push_reports(settings, fcm.url))


def _fallbacks(settings: Settings, db: Database) -> Iterator[Provided]:
    """The channels that have a second account; another vendor's channel is one more line here."""
    if account := twilio_fallback(settings):
        yield SmsChannel(account)
        if sender := settings.twilio_fallback_whatsapp_from:
            yield WhatsappChannel(replace(account, sender=sender), WhatsappWindows(db))
        if sender := settings.twilio_fallback_voice_from or settings.twilio_fallback_from:
            yield VoiceChannel(replace(account, sender=sender))
    if sendgrid := sendgrid_fallback(settings):
        yield EmailChannel(sendgrid)


def _stand_in(name: str, settings: Settings, db: Database) -> Channel:
    """For a channel that has no provider yet: the sandbox, or where real people get messages, nobody."""
    if not settings.may_pretend:
        return UnprovidedChannel(name)
    reports = PushReports(settings.public_url, Signer.of(settings)) if name in DEVICES else None
    return SandboxChannel(name, APP, SandboxInbox(db), reports=reports)


def twilio_account(settings: Settings) -> TwilioAccount:
    """The account of the settings; without keys, the sandbox's."""
    sandbox = SandboxAccount.of(settings.database_url)
    account = TwilioAccount(
        sandbox.account_sid,
        sandbox.auth_token,
        settings.twilio_messaging_service_sid or settings.twilio_from or sandbox.phone,
        settings.twilio_url or f"{settings.public_url}/sandbox/twilio",
        callback=f"{settings.public_url}/webhooks/twilio/status",
        script=f"{settings.public_url}/webhooks/twilio/voice",
    )
    if settings.twilio_account_sid is not None and settings.twilio_auth_token is not None:
        token = settings.twilio_auth_token.get_secret_value()
        account = replace(account, account_sid=settings.twilio_account_sid, auth_token=token, url=settings.twilio_url)
    return _reached(settings, account)


def twilio_fallback(settings: Settings) -> TwilioAccount | None:
    """The second account, where there is one."""
    if settings.twilio_fallback_account_sid is None or settings.twilio_fallback_auth_token is None:
        return None
    account = TwilioAccount(
        settings.twilio_fallback_account_sid,
        settings.twilio_fallback_auth_token.get_secret_value(),
        settings.twilio_fallback_messaging_service_sid or settings.twilio_fallback_from or "",
        settings.twilio_fallback_url,
        callback=f"{settings.public_url}/webhooks/twilio/status",
        script=f"{settings.public_url}/webhooks/twilio/voice",
    )
    return _reached(settings, account)


def _reached(settings: Settings, account: TwilioAccount) -> TwilioAccount:
    account = replace(account, settle=_settle(settings.twilio_shows_within, account.url, account.settle))
    if is_local(account.url):
        return account
    # Twilio refuses messages whose reports it could not deliver.
    return replace(account, callback=None, script=None) if is_local(settings.public_url) else account


def sendgrid_account(settings: Settings) -> SendGridAccount:
    """The account of the settings; without a key, the sandbox's."""
    sandbox = SandboxAccount.of(settings.database_url)
    sender = settings.sendgrid_from or sandbox.email
    url = settings.sendgrid_url or f"{settings.public_url}/sandbox/sendgrid"
    account = SendGridAccount(sandbox.api_key, sender, url)
    if settings.sendgrid_api_key is not None:
        account = replace(account, api_key=settings.sendgrid_api_key.get_secret_value(), url=settings.sendgrid_url)
    return replace(account, settle=_settle(settings.sendgrid_shows_within, account.url, account.settle))


def sendgrid_fallback(settings: Settings) -> SendGridAccount | None:
    """The second account, where there is one."""
    if settings.sendgrid_fallback_api_key is None or settings.sendgrid_fallback_from is None:
        return None
    url = settings.sendgrid_fallback_url
    key = settings.sendgrid_fallback_api_key.get_secret_value()
    account = SendGridAccount(key, settings.sendgrid_fallback_from, url)
    return replace(account, settle=_settle(settings.sendgrid_shows_within, url, account.settle))


def _settle(asked: float | None, url: str | None, usual: timedelta) -> timedelta:
    """How long a look-up waits for a provider to show what it accepted."""
    if asked is not None:
        return timedelta(seconds=asked)
    return LOCAL_SETTLE if is_local(url) else usual


def web_push_account(settings: Settings) -> WebPushAccount | None:
    """The key of the settings; without one there is no web push."""
    if settings.vapid_private_key is None or settings.vapid_subject is None:
        return None
    key = settings.vapid_private_key.get_secret_value()
    return WebPushAccount(key, settings.vapid_subject, settings.web_push_services, settings.web_push_url)


def fcm_account(settings: Settings) -> FcmAccount | None:
    """The account of the settings; without one there is no push."""
    if settings.fcm_service_account is None:
        return None
    return FcmAccount(ServiceAccount.read(settings.fcm_service_account.get_secret_value()), settings.fcm_url)


def push_reports(settings: Settings, url: str | None) -> PushReports | None:
    """What devices are asked to tell: nothing where they cannot reach us. `url` stands in for their push services."""
    if is_local(settings.public_url) and not is_local(url):
        return None
    return PushReports(settings.public_url, Signer.of(settings))


def is_local(url: str | None) -> bool:
    """Whether a stand-in on this machine answers at the address."""
    return url is not None and is_loopback(urlsplit(url).hostname or "")
