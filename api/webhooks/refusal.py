"""How a webhook that cannot be believed is refused: counted, logged without a word of it, and answered 403."""

from typing import Literal

import structlog

from api.problem import Problem
from runtime.metrics import WEBHOOKS_REFUSED

Flaw = Literal["no signature", "no secret", "unknown key", "unknown algorithm", "wrong signature", "too old", "no form"]
"""`no secret`: nothing is set to check signatures of this kind by."""

log = structlog.get_logger()


def refuse(provider: str, flaw: Flaw) -> Problem:
    """To be raised."""
    WEBHOOKS_REFUSED.labels(provider, flaw).inc()
    log.warning("webhook.refused", provider=provider, flaw=flaw)
    return Problem(403, "The signature is not valid", f"It cannot be shown that this comes from {provider}: {flaw}.")
