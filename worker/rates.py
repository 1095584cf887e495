"""How many sends of a lane may begin in a second: by the settings, or else what a provider allows a new account."""

from runtime.settings import Settings
from worker.channels import is_local, twilio_account
from workflows.lanes import LANE_BY_CHANNEL, TRANSACTIONAL

CALLS = 1.0
"""What Twilio allows an account until it is asked for more."""

SMS_FROM_NUMBER = 1.0
"""Segments that a long number takes; a messaging service has several numbers, and a queue of its own."""

WHATSAPP = 10.0
"""The least of what Twilio has said of a sender."""


def per_second(settings: Settings) -> dict[str, float]:
    """The limits by lane; the server keeps them over all workers. A lane without one is not in it."""
    wanted = {
        TRANSACTIONAL: settings.transactional_per_second,
        LANE_BY_CHANNEL["sms"]: settings.sms_per_second,
        LANE_BY_CHANNEL["voice"]: settings.twilio_calls_per_second,
        LANE_BY_CHANNEL["whatsapp"]: settings.whatsapp_per_second,
        LANE_BY_CHANNEL["email"]: settings.email_per_second,
        LANE_BY_CHANNEL["push"]: settings.push_per_second,
        LANE_BY_CHANNEL["web_push"]: settings.web_push_per_second,
    }
    return _usual(settings) | {lane: rate for lane, rate in wanted.items() if rate is not None}


def _usual(settings: Settings) -> dict[str, float]:
    """What Twilio allows until it is asked for more; a stand-in takes messages as they come."""
    if is_local(twilio_account(settings).url):
        return {}
    usual = {LANE_BY_CHANNEL["voice"]: CALLS, LANE_BY_CHANNEL["whatsapp"]: WHATSAPP}
    return usual if settings.twilio_messaging_service_sid else usual | {LANE_BY_CHANNEL["sms"]: SMS_FROM_NUMBER}
