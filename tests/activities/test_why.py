"""What really was decided is explained by its rule, with the moment at which it would be possible."""

from datetime import timedelta

import pytest

from api.why import MessageWhyRead, explain
from language.policy import Policy
from scripts.why import lines
from store.policies import publish_policy
from store.reading_customers import CustomerName, CustomerRecord, find_customer
from tests.sending import NOW, Desk

POLICY = Policy.model_validate(
    {
        "caps": [{"name": "offers_a_week", "limit": 3, "per": "7d", "class": "promotional"}],
        "quiet_hours": {"from": "21:00", "to": "09:00"},
    }
)


async def ana(desk: Desk) -> CustomerRecord:
    found = await find_customer(desk.db, CustomerName(None, "1"))
    assert found is not None
    return found


async def told(desk: Desk, key: str) -> MessageWhyRead:
    [message] = (await explain(desk.db, await ana(desk), key)).messages
    return message


@pytest.fixture
async def ruled(desk: Desk) -> Desk:
    desk.policy = POLICY
    await publish_policy(desk.db, POLICY, at=NOW)
    await desk.db.pool.execute("UPDATE customers SET time_zone = 'Europe/Lisbon'")
    return desk


async def test_the_fourth_offer_of_a_week(ruled: Desk) -> None:
    for number in range(1, 5):
        at = NOW + timedelta(days=number - 1)
        if number > 1:
            await ruled.enrol(number)
        await ruled.send(ruled.order(message="offer", enrolment_id=number, at=at, due_at=at))
    key = "4/send_hello/1/sms"
    message = await told(ruled, key)
    assert (message.verdict, message.rule) == ("not_sent", "policy.caps.offers_a_week")
    assert message.reason == "3 promotional messages in 7 days, limit 3; next possible Sunday 12:00"
    assert message.next_possible_at is not None
    assert timedelta() <= message.next_possible_at - (NOW + timedelta(days=7)) < timedelta(minutes=1)
    assert "      next possible: Sun 8 Mar 2026 12:00" in list(lines(await explain(ruled.db, await ana(ruled), key)))
    first = await told(ruled, "1/send_hello/1/sms")
    assert (first.verdict, first.rule, first.sentence) == ("sent", None, "SMS offer sent")


async def test_at_night(ruled: Desk) -> None:
    late = NOW + timedelta(hours=10)
    assert (await ruled.send(ruled.order(at=late, due_at=late))).verdict == "held"
    message = await told(ruled, "1/send_hello/1/sms")
    assert (message.verdict, message.rule) == ("held", "policy.quiet_hours")
    assert message.sentence.endswith("next possible Monday 09:00")


@pytest.mark.parametrize(
    ("code", "verdict", "rule"), [(21211, "not_sent", "provider"), (21610, "not_sent", "provider")]
)
async def test_what_the_provider_refused(ruled: Desk, code: int, verdict: str, rule: str) -> None:
    ruled.provider.refuse(400, {"code": code, "message": "no", "status": 400})
    await ruled.send(ruled.order())
    message = await told(ruled, "1/send_hello/1/sms")
    assert (message.verdict, message.rule) == (verdict, rule)
    assert f"twilio {code}" in message.sentence
    again = ruled.order(enrolment_id=2)
    await ruled.enrol(2)
    await ruled.send(again)
    assert (await told(ruled, again.key)).rule == ("suppression" if code == 21211 else "consent")
