"""What is asked after messages, and what is made of the answers, held against Twilio's own specification."""

from typing import Any

import pytest

from api.webhooks.twilio_statuses import ON_ITS_WAY
from language.channel import Channel
from language.twilio_report import REPORT_BY_STATUS, call_report
from language.unheard import Unheard
from scripts.provider.ledger import Accepted
from tests.activities.twilio_specification import specification
from tests.sending import NOW, PHONE, Desk

UNDERWAY = {"queued", "ringing", "in-progress"}
SID = "0123456789abcdef" * 2


def statuses(kind: str) -> set[str]:
    name = specification()["resource"][kind]["properties"]["status"]["$ref"].rpartition("/")[2]
    return set(specification()["schemas"][name]["enum"])


def test_every_status_of_a_message_has_a_meaning() -> None:
    received = {"receiving", "received"}
    assert statuses("Messages") - received == set(REPORT_BY_STATUS) | ON_ITS_WAY


def test_every_status_of_a_call_has_a_meaning() -> None:
    assert {status for status in statuses("Calls") if call_report(status, "") is None} == UNDERWAY


@pytest.mark.parametrize(("name", "prefix"), [("sms", "SM"), ("whatsapp", "SM"), ("voice", "CA")])
async def test_one_is_asked_after_by_its_id_alone(desk: Desk, name: Channel, prefix: str) -> None:
    desk.provider.fate = lambda number: "answered"
    desk.provider.accept(Accepted("twilio", prefix + SID, "", "", PHONE, None, ""))
    asking: Any = desk.channels[name]
    learnt = await asking.ask(Unheard("7/a/1/x", name, None, "twilio", prefix + SID, PHONE, NOW))
    assert (learnt.report, desk.provider.queries[-1]) == ("answered" if name == "voice" else "delivered", [])
