"""Whose signatures are believed: the accounts' of the settings, and the sandbox's where it plays a provider."""

from dataclasses import dataclass

from api.sandbox.signing import sandbox_key
from api.webhooks.sendgrid_signature import SendGridSignature, read_public_key
from api.webhooks.twilio_signature import TwilioSignature
from runtime.settings import Settings
from store.sandbox import SandboxAccount


@dataclass(frozen=True, slots=True)
class Trust:
    twilio: TwilioSignature
    sendgrid: SendGridSignature

    @classmethod
    def of(cls, settings: Settings) -> "Trust":
        """Raises SettingsInvalid."""
        has_sandbox = settings.needs_sandbox or settings.may_pretend
        sandbox = SandboxAccount.of(settings.database_url) if has_sandbox else None
        token = settings.twilio_auth_token.get_secret_value() if settings.twilio_auth_token else None
        pairs = (key.get_secret_value().partition(":") for key in settings.twilio_webhook_shared_keys)
        shared = {id: secret for id, _, secret in pairs if secret}
        given = (settings.sendgrid_webhook_public_key, settings.sendgrid_fallback_webhook_public_key)
        keys = [read_public_key(key) for key in given if key]
        if sandbox is not None and settings.sendgrid_api_key is None:
            keys.append(sandbox_key(sandbox).public_key())
        second = settings.twilio_fallback_auth_token
        others = (second.get_secret_value(),) if second else ()
        first = token or (sandbox.auth_token if sandbox else None)
        twilio = TwilioSignature(settings.public_url, first, shared, others)
        return cls(twilio, SendGridSignature(keys))
