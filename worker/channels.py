"""The channels a worker sends by: one line of registration each."""

from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from activities.channel import Channel
from activities.channels.email import EmailChannel, SendGridAccount
from activities.channels.sandbox import SandboxChannel, UnprovidedChannel
from activities.channels.sms import SmsChannel, TwilioAccount
from language.channel import CHANNELS
from runtime.settings import Settings, is_loopback
from store.database import Database
from store.sandbox import SandboxAccount, SandboxInbox

BY_PHONE = ("voice", "whatsapp")
APP = "Sojourn"
"""Whom push messages of the sandbox come from."""

LOCAL_SETTLE = timedelta(seconds=1)
"""How long a stand-in on this machine may take to show what it accepted; a real provider takes longer."""


@dataclass(frozen=True, slots=True)
class Channels:
    """Made inside the running event loop; `close` ends their connections."""

    by_name: dict[str, Channel]
    _open: tuple[SmsChannel | EmailChannel, ...]

    @classmethod
    def from_settings(cls, settings: Settings, db: Database) -> "Channels":
        made = (SmsChannel(twilio_account(settings)), EmailChannel(sendgrid_account(settings)))
        without = [channel for channel in CHANNELS if channel not in {it.name for it in made}]
        by_name: dict[str, Channel] = {it.name: it for it in made}
        return cls(by_name | {name: _stand_in(name, settings, db) for name in without}, made)

    async def close(self) -> None:
        for channel in self._open:
            await channel.close()


def _stand_in(name: str, settings: Settings, db: Database) -> Channel:
    """For a channel that has no provider yet: the sandbox, or where real people get messages, nobody."""
    if not settings.may_pretend:
        return UnprovidedChannel(name)
    sender = SandboxAccount.of(settings.database_url).phone if name in BY_PHONE else APP
    return SandboxChannel(name, sender, SandboxInbox(db))


def twilio_account(settings: Settings) -> TwilioAccount:
    """The account of the settings; without keys, the sandbox's."""
    sandbox = SandboxAccount.of(settings.database_url)
    account = TwilioAccount(
        sandbox.account_sid,
        sandbox.auth_token,
        settings.twilio_messaging_service_sid or settings.twilio_from or sandbox.phone,
        settings.twilio_url or f"{settings.public_url}/sandbox/twilio",
        f"{settings.public_url}/webhooks/twilio/status",
    )
    if settings.twilio_account_sid is not None and settings.twilio_auth_token is not None:
        token = settings.twilio_auth_token.get_secret_value()
        account = replace(account, account_sid=settings.twilio_account_sid, auth_token=token, url=settings.twilio_url)
    if _is_local(account.url):
        return replace(account, settle=LOCAL_SETTLE)
    # Twilio refuses messages whose reports it could not deliver.
    return replace(account, callback=None) if _is_local(settings.public_url) else account


def sendgrid_account(settings: Settings) -> SendGridAccount:
    """The account of the settings; without a key, the sandbox's."""
    sandbox = SandboxAccount.of(settings.database_url)
    sender = settings.sendgrid_from or sandbox.email
    url = settings.sendgrid_url or f"{settings.public_url}/sandbox/sendgrid"
    account = SendGridAccount(sandbox.api_key, sender, url)
    if settings.sendgrid_api_key is not None:
        account = replace(account, api_key=settings.sendgrid_api_key.get_secret_value(), url=settings.sendgrid_url)
    return replace(account, settle=LOCAL_SETTLE) if _is_local(account.url) else account


def _is_local(url: str | None) -> bool:
    return url is not None and is_loopback(urlsplit(url).hostname or "")
