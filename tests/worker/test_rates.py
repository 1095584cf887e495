"""How fast a lane goes is what its provider allows, until the settings say otherwise."""

from typing import Any

import pytest
from pydantic import SecretStr

from runtime.settings import Settings
from worker.rates import per_second

ACCOUNT = {"twilio_account_sid": "AC" + "0" * 32, "twilio_auth_token": SecretStr("token")}
NUMBER = {**ACCOUNT, "twilio_from": "+15005550006"}
SERVICE = {**ACCOUNT, "twilio_messaging_service_sid": "MG" + "0" * 32}


def rates(**settings: Any) -> dict[str, float]:
    return per_second(Settings(_env_file=None, **settings))


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, {}),
        ({**NUMBER, "twilio_url": "http://127.0.0.1:9"}, {}),
        (NUMBER, {"send-sms": 1, "send-voice": 1, "send-whatsapp": 10}),
        (SERVICE, {"send-voice": 1, "send-whatsapp": 10}),
        ({**NUMBER, "sms_per_second": 100}, {"send-sms": 100, "send-voice": 1, "send-whatsapp": 10}),
        ({"twilio_calls_per_second": 3, "email_per_second": 50}, {"send-voice": 3, "send-email": 50}),
        ({"transactional_per_second": 20, "web_push_per_second": 7}, {"send-transactional": 20, "send-web-push": 7}),
    ],
)
def test_each_lane_has_the_limit_of_its_sender(settings: dict[str, Any], wanted: dict[str, float]) -> None:
    assert rates(**settings) == wanted
