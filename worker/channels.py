"""The channels a worker sends by: one line of registration each."""

from dataclasses import dataclass

from activities.channel import Channel
from activities.channels.email import EmailChannel, SendGridAccount
from activities.channels.sms import SmsChannel, TwilioAccount
from runtime.settings import Settings

SANDBOX_ACCOUNT = "AC" + "0" * 32
SANDBOX_SENDER = "+15005550006"
SANDBOX_ADDRESS = "Sojourn <journeys@sandbox.invalid>"


@dataclass(frozen=True, slots=True)
class Channels:
    """Made inside the running event loop; `close` ends their connections."""

    by_name: dict[str, Channel]
    _open: tuple[SmsChannel | EmailChannel, ...]

    @classmethod
    def from_settings(cls, settings: Settings) -> "Channels":
        made = (SmsChannel(twilio_account(settings)), EmailChannel(sendgrid_account(settings)))
        return cls({channel.name: channel for channel in made}, made)

    async def close(self) -> None:
        for channel in self._open:
            await channel.close()


def twilio_account(settings: Settings) -> TwilioAccount:
    """The account of the settings; without keys, the sandbox's."""
    callback = f"{settings.public_url}/webhooks/twilio/status"
    if settings.twilio_account_sid is None or settings.twilio_auth_token is None:
        url = settings.twilio_url or f"{settings.public_url}/sandbox/twilio"
        return TwilioAccount(SANDBOX_ACCOUNT, "sandbox", settings.twilio_from or SANDBOX_SENDER, url)
    sender = settings.twilio_messaging_service_sid or settings.twilio_from or ""
    return TwilioAccount(
        settings.twilio_account_sid,
        settings.twilio_auth_token.get_secret_value(),
        sender,
        settings.twilio_url,
        callback,
    )


def sendgrid_account(settings: Settings) -> SendGridAccount:
    """The account of the settings; without a key, the sandbox's."""
    sender = settings.sendgrid_from or SANDBOX_ADDRESS
    if settings.sendgrid_api_key is None:
        return SendGridAccount("sandbox", sender, settings.sendgrid_url or f"{settings.public_url}/sandbox/sendgrid")
    return SendGridAccount(settings.sendgrid_api_key.get_secret_value(), sender, settings.sendgrid_url)
