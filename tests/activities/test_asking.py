"""A message of which nothing is heard is asked after, by one worker, and what is learnt is what a report says."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from activities.asking import Asking
from activities.channel import Route
from language.unheard import Learnt
from scripts.provider.ledger import Fate
from store.asking import SilenceLedger
from store.message_reports import report
from tests.sending import EMAIL, NOW, PHONE, Desk

LATER = NOW + timedelta(minutes=10)
LISTENS = {
    "journey": "greeting",
    "start": [{"on": "Asked"}],
    "steps": [{"wait_for": [{"on": "Call Not Answered", "of": "send_hello"}], "within": "1d"}],
}


def asking(desk: Desk, clock: Callable[[], float] = time.monotonic) -> Asking:
    routes = {name: Route.by(it) for name, it in desk.channels.items()}
    return Asking(SilenceLedger(desk.db, lambda: LATER), routes, apart=0, clock=clock)


async def fall_silent(desk: Desk, channel: str) -> str:
    """The key of a message that went out six minutes ago, of which nothing has been heard."""
    await desk.db.pool.execute("UPDATE journey_versions SET definition = $1", json.dumps(LISTENS))
    order = desk.order(channel)
    await desk.send(order)
    await desk.db.pool.execute("UPDATE messages SET call_until = clock_timestamp() - interval '6 minutes'")
    return order.key


async def events(desk: Desk) -> list[tuple[str, str]]:
    rows = await desk.db.pool.fetch("SELECT event_id, report FROM message_events")
    return [(row["event_id"], row["report"]) for row in rows]


@pytest.mark.parametrize("fate", ["answered", "no_answer", "busy", "machine"])
async def test_a_calls_lost_end_is_learnt_as_it_would_have_been_told(desk: Desk, fate: Fate) -> None:
    desk.provider.fate = lambda number: fate
    key = await fall_silent(desk, "voice")
    assert await asking(desk).round() == 1
    row = await desk.row(key)
    assert row["status"] == fate
    assert await events(desk) == [(f"twilio/{row['provider_id']}/end", fate)]


async def test_the_enrolment_that_waits_for_the_call_hears_of_it(desk: Desk) -> None:
    desk.provider.fate = lambda number: "no_answer"
    await fall_silent(desk, "voice")
    await asking(desk).round()
    await asking(desk).round()
    rows = await desk.db.pool.fetch("SELECT payload FROM deliveries")
    assert [row["payload"]["fact"]["name"] for row in rows] == ["Call Not Answered"]


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_a_lost_delivery_is_learnt(desk: Desk, channel: str) -> None:
    desk.provider.fate = lambda number: "answered"
    key = await fall_silent(desk, channel)
    await asking(desk).round()
    row = await desk.row(key)
    assert (row["status"], row["delivered_at"]) == ("delivered", LATER)
    assert await events(desk) == [(f"twilio/{row['provider_id']}/delivered", "delivered")]


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_a_lost_failure_says_that_the_number_is_dead(desk: Desk, channel: str) -> None:
    desk.provider.code = lambda number: 30005
    key = await fall_silent(desk, channel)
    await asking(desk).round()
    assert (await desk.row(key))["status"] == "failed"
    rows = await desk.db.pool.fetch("SELECT channel, address, reason, source FROM suppressions")
    assert [tuple(row) for row in rows] == [(channel, PHONE, "twilio 30005: the number does not exist", "twilio")]


@pytest.mark.parametrize(("channel", "code"), [("sms", 21610), ("whatsapp", 63014)])
async def test_a_lost_failure_says_that_its_reader_wants_nothing(desk: Desk, channel: str, code: int) -> None:
    desk.provider.code = lambda number: code
    await fall_silent(desk, channel)
    await asking(desk).round()
    rows = await desk.db.pool.fetch("SELECT customer_id, channel, topic, state FROM consents")
    assert [tuple(row) for row in rows] == [(1, channel, None, "opted_out")]
    assert (await desk.send(desk.order(channel, seen_seq=9, step="again", key="1/again/1/x"))).verdict == "suppressed"


@pytest.mark.parametrize(
    ("mailed", "becomes", "dead", "consent"),
    [
        (("delivered", ""), "delivered", None, None),
        (("bounced", "550 no such person"), "bounced", "hard bounce", None),
        (("blocked", "550 not now"), "bounced", None, None),
        (("dropped", "Bounced Address"), "failed", "it has bounced before", None),
        (("dropped", "Spam Reporting Address"), "failed", None, "opted_out"),
        (("deferred", ""), "sent", None, None),
    ],
)
async def test_a_mail_is_asked_after_when_sendgrid_has_given_up_telling(
    desk: Desk, mailed: tuple[str, str], becomes: str, dead: str | None, consent: str | None
) -> None:
    desk.provider.mailed = lambda address: mailed
    key = await fall_silent(desk, "email")
    assert await asking(desk).round() == 0
    await desk.db.pool.execute("UPDATE messages SET call_until = clock_timestamp() - interval '27 hours'")
    assert await asking(desk).round() == 1
    assert (await desk.row(key))["status"] == becomes
    assert await desk.db.pool.fetchval("SELECT reason FROM suppressions WHERE address = $1", EMAIL) == dead
    assert await desk.db.pool.fetchval("SELECT state FROM consents WHERE channel = 'email'") == consent


async def test_an_account_whose_logs_may_not_be_read_is_asked_again_an_hour_later(desk: Desk) -> None:
    desk.provider.may_look = False
    key = await fall_silent(desk, "email")
    await desk.db.pool.execute("UPDATE messages SET call_until = clock_timestamp() - interval '27 hours'")
    seconds = [0.0]
    worker = asking(desk, lambda: seconds[0])
    assert await worker.round() == 1
    assert (await desk.row(key))["asks"] == 0
    desk.provider.may_look = True
    for later, asked in ((3599.0, 0), (3600.0, 1)):
        seconds[0] = later
        await desk.db.pool.execute("UPDATE messages SET ask_at = NULL")
        assert await worker.round() == asked


async def test_how_many_are_silent(desk: Desk) -> None:
    key = await fall_silent(desk, "voice")
    silences = SilenceLedger(desk.db, lambda: LATER)
    assert await silences.count([("voice", "main"), ("sms", "main")], 10) == 1
    assert await silences.count([("voice", "fallback"), ("sms", "main")], 10) == 0
    await report(desk.db, lambda: LATER, key, "busy", event_id="it came")
    assert await silences.count([("voice", "main"), ("sms", "main")], 10) == 0


async def test_the_report_itself_changes_nothing_afterwards(desk: Desk) -> None:
    desk.provider.fate = lambda number: "busy"
    key = await fall_silent(desk, "voice")
    await asking(desk).round()
    event_id = (await events(desk))[0][0]
    await report(desk.db, lambda: LATER, key, "busy", event_id=event_id)
    assert len(await events(desk)) == 1


async def test_what_was_heard_of_is_not_asked_after(desk: Desk) -> None:
    key = await fall_silent(desk, "voice")
    await report(desk.db, lambda: LATER, key, "busy", event_id="it came")
    assert await asking(desk).round() == 0


async def test_two_workers_ask_once_and_later_again(desk: Desk) -> None:
    key = await fall_silent(desk, "voice")
    looks = desk.provider.looks
    rounds = await asyncio.gather(asking(desk).round(), asking(desk).round())
    assert (sorted(rounds), desk.provider.looks - looks) == ([0, 1], 1)
    row = await desk.row(key)
    assert (row["status"], row["asks"]) == ("sent", 1)
    await desk.db.pool.execute("UPDATE messages SET ask_at = clock_timestamp()")
    assert await asking(desk).round() == 1


async def test_who_does_not_answer_is_asked_another_time(desk: Desk) -> None:
    key = await fall_silent(desk, "voice")
    desk.provider.accepted.clear()
    assert await asking(desk).round() == 1
    row = await desk.row(key)
    assert (row["status"], row["asks"]) == ("sent", 0)
    assert await asking(desk).round() == 0


@pytest.mark.parametrize("change", ["asks = 8", "call_until = clock_timestamp() - interval '3 days'"])
async def test_it_is_left_alone_in_the_end(desk: Desk, change: str) -> None:
    await fall_silent(desk, "voice")
    await desk.db.pool.execute(f"UPDATE messages SET {change}")
    assert await asking(desk).round() == 0


async def test_what_nobody_can_say_of_a_channel_stops_no_round(desk: Desk) -> None:
    """Twilio says `read` of a text that went by RCS."""
    key = await fall_silent(desk, "sms")
    silences = SilenceLedger(desk.db, lambda: LATER)
    [unheard] = await silences.take([("sms", "main")], 1)
    await silences.learn(unheard, Learnt("opened", "twilio/SM1/read"))
    assert ((await desk.row(key))["status"], await events(desk)) == ("sent", [])
