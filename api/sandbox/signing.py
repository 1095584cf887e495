"""The sandbox signs its webhooks as the providers do, with keys of its own."""

import base64
import time
from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

from store.sandbox import SandboxAccount

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256: private keys are smaller."""


def sandbox_key(account: SandboxAccount) -> ec.EllipticCurvePrivateKey:
    """What the sandbox signs with as SendGrid; it follows from the account."""
    return ec.derive_private_key(1 + int(account.webhook_seed, 16) % (ORDER - 1), ec.SECP256R1())


def as_twilio(token: str, url: str, form: Mapping[str, str]) -> dict[str, str]:
    """The headers of a form posted to `url`."""
    return {SIGNATURE_HEADER: RequestValidator(token).compute_signature(url, dict(form))}


def as_sendgrid(key: ec.EllipticCurvePrivateKey, body: bytes, *, at: float | None = None) -> dict[str, str]:
    """The headers of a body. `at` is wall time, in seconds since 1970; None: now."""
    timestamp = str(int(time.time() if at is None else at))
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        "Content-Type": "application/json",
    }
