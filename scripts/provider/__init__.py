"""Twilio and SendGrid as far as Sojourn speaks to them, with faults on demand and a ledger of what was accepted.

In a test: `async with Provider() as provider`. For chaos and bench: `python -m scripts.provider --port 4300`, with the
ledger at `/ledger` and faults by `POST /faults`.
"""

from scripts.provider.ledger import FAULTS, Accepted, Fault
from scripts.provider.sendgrid import API_KEY, KEY
from scripts.provider.stand_in import Provider
from scripts.provider.twilio import ACCOUNT_SID, AUTH_TOKEN

__all__ = ["ACCOUNT_SID", "API_KEY", "AUTH_TOKEN", "FAULTS", "KEY", "Accepted", "Fault", "Provider"]
