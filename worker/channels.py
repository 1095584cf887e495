"""The channels a worker sends by: one line of registration each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from activities.channel import Channel
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
from runtime.settings import Settings, is_loopback
from store.database import Database
from store.sandbox import SandboxAccount, SandboxInbox
from store.whatsapp_windows import WhatsappWindows

APP = "Sojourn"
"""Whom push messages of the sandbox come from."""

LOCAL_SETTLE = timedelta(seconds=1)
"""How long a stand-in on this machine may take to show what it accepted; a real provider takes longer."""

Provided = SmsChannel | WhatsappChannel | VoiceChannel | EmailChannel | WebPushChannel | PushChannel


@dataclass(frozen=True, slots=True)
class Channels:
    """Made inside the running event loop; `close` ends their connections."""

    by_name: dict[str, Channel]
    _open: tuple[Provided, ...]

    @classmethod
    def from_settings(cls, settings: Settings, db: Database) -> "Channels":
        made = tuple(_provided(settings, db))
        without = [channel for channel in CHANNELS if channel not in {it.name for it in made}]
        by_name: dict[str, Channel] = {it.name: it for it in made}
        return cls(by_name | {name: _stand_in(name, settings, db) for name in without}, made)

    async def close(self) -> None:
        for channel in self._open:
            await channel.close()


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
        yield WebPushChannel(web_push)
    if fcm := fcm_account(settings):
        yield PushChannel(fcm)


def _stand_in(name: str, settings: Settings, db: Database) -> Channel:
    """For a channel that has no provider yet: the sandbox, or where real people get messages, nobody."""
    return SandboxChannel(name, APP, SandboxInbox(db)) if settings.may_pretend else UnprovidedChannel(name)


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


def is_local(url: str | None) -> bool:
    """Whether a stand-in on this machine answers at the address."""
    return url is not None and is_loopback(urlsplit(url).hostname or "")
