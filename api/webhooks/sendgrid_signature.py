"""Whether a request comes from SendGrid: by its elliptic-curve signature over the time and the body as it came."""

import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from api.webhooks.refusal import Flaw
from runtime.settings import SettingsInvalid

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"

OLDEST = 25 * 3600
"""Seconds. SendGrid tries for 24 hours, and does not say whether it signs anew; what is sent again is taken once."""

AHEAD = 300
"""Seconds by which SendGrid's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class SendGridSignature:
    """`now` is the wall clock, in seconds since 1970."""

    keys: Sequence[ec.EllipticCurvePublicKey]
    now: Callable[[], float] = time.time

    def flaw(self, body: bytes, headers: Mapping[str, str]) -> Flaw | None:
        """What is wrong with a request, or None."""
        signature, timestamp = headers.get(SIGNATURE), headers.get(TIMESTAMP)
        if not signature or not timestamp:
            return "no signature"
        if not self.keys:
            return "no secret"
        signed = timestamp.encode("latin-1") + body
        if not any(_fits(key, signature, signed) for key in self.keys):
            return "wrong signature"
        return None if self._is_fresh(timestamp) else "too old"

    def _is_fresh(self, timestamp: str) -> bool:
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
            return False
        return -AHEAD <= self.now() - int(timestamp) <= OLDEST


def read_public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The key as SendGrid's settings show it, with or without the lines around it. Raises SettingsInvalid."""
    bare = re.sub(r"-----[A-Z ]+-----|\s", "", text)
    try:
        key = load_der_public_key(base64.b64decode(bare, validate=True))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise SettingsInvalid("SOJOURN_SENDGRID_WEBHOOK_PUBLIC_KEY: not a public key as SendGrid shows it") from None
    return key


def _fits(key: ec.EllipticCurvePublicKey, signature: str, signed: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
