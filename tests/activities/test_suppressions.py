"""What providers said of an address is asked in the claim: nothing goes there any more, until it is lifted."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any, Literal

import pytest

from language.sending import DEAD_ADDRESS, Claimed, Result
from store.address_words import STOPPED, AddressWord, is_opted_out, take_words
from store.database import Database
from store.ledger import MessageLedger
from store.suppressions import lift_suppression, list_suppressions
from tests.sending import EMAIL, NOW, PHONE, Desk, desk_at


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    async with desk_at(db) as desk:
        yield desk


async def say(db: Database, id: str = "e1", channel: Literal["email", "sms"] = "email", **more: Any) -> int:
    said = {"event_id": id, "channel": channel, "source": "sendgrid", "evidence": "", "address": EMAIL.upper()} | more
    return await take_words(db, lambda: NOW, [AddressWord(**said)])


async def test_nothing_goes_to_a_bounced_address(desk: Desk) -> None:
    await say(desk.db, dead="hard bounce")
    receipt = await desk.send(desk.order("email"))
    assert (receipt.verdict, desk.provider.calls) == ("undeliverable", 0)
    assert (await desk.send(desk.order("sms"))).verdict == "sent"


async def test_lifted_address_is_sent_to(desk: Desk) -> None:
    await say(desk.db, dead="hard bounce")
    [found] = (await list_suppressions(desk.db, channel="email", address=EMAIL)).items
    await lift_suppression(desk.db, found.id, at=NOW)
    assert (await desk.send(desk.order("email"))).verdict == "sent"


async def test_only_a_newer_word_takes_back_what_was_lifted(desk: Desk) -> None:
    await say(desk.db, dead="hard bounce")
    [found] = (await list_suppressions(desk.db)).items
    await lift_suppression(desk.db, found.id, at=NOW)
    await say(desk.db, "late", dead="hard bounce", at=NOW - timedelta(hours=1))
    assert (await list_suppressions(desk.db)).items[0].lifted_at == NOW
    await take_words(
        desk.db,
        lambda: NOW + timedelta(hours=1),
        [AddressWord("new", "email", EMAIL, "sendgrid", "", dead="hard bounce")],
    )
    assert (await list_suppressions(desk.db)).items[0].lifted_at is None


async def test_refused_address_is_written_down_with_the_answer(desk: Desk) -> None:
    desk.provider.refuse(400, {"code": 21211, "message": f"The 'To' number {PHONE} is not valid", "status": 400})
    await desk.send(desk.order())
    [found] = (await list_suppressions(desk.db)).items
    assert (found.channel, found.address, found.source) == ("sms", PHONE, "answer")
    assert found.reason == "dead address: twilio 21211: the number is not valid"


async def test_opt_out_that_was_committed_first_wins(desk: Desk) -> None:
    await desk.db.pool.execute("INSERT INTO identifiers (kind, value, customer_id) VALUES ('phone', $1, 1)", PHONE)
    await say(desk.db, channel="sms", address=PHONE, consent="opted_out")
    receipt = await desk.send(desk.order())
    assert (receipt.verdict, receipt.reason) == ("suppressed", "the customer has opted out of everything by sms")
    await say(desk.db, "e2", channel="sms", address=PHONE, consent="opted_in")
    assert (await desk.send(desk.order(enrolment_id=1, visit=2, key="1/send_hello/2/sms"))).verdict == "sent"


async def test_same_word_is_taken_once(desk: Desk) -> None:
    assert [await say(desk.db, dead="hard bounce") for _ in range(3)] == [1, 0, 0]


async def test_a_stop_holds_for_whoever_has_the_number_also_later(desk: Desk) -> None:
    """Another record of the same person, say, that had no message yet and does not own the number."""
    for number, (consent, verdict) in enumerate((("opted_out", "suppressed"), ("opted_in", "sent"))):
        await say(desk.db, f"reply{number}", "sms", address=PHONE, source="reply", consent=consent)
        assert await desk.db.pool.fetchval("SELECT count(*) FROM consents") == 0
        assert await is_opted_out(desk.db, "sms", PHONE) == (verdict == "suppressed")
        receipt = await desk.send(desk.order())
        assert receipt.verdict == verdict
        if verdict == "suppressed":
            assert receipt.reason == "the customer has opted out of everything by sms"
            assert (await desk.send(desk.order("email"))).verdict == "sent"
            await desk.db.pool.execute("UPDATE messages SET status = 'held' WHERE channel = 'sms'")


@pytest.mark.parametrize("said", [("STOP", "START"), ("START", "STOP")])
async def test_of_what_was_written_last_is_believed(desk: Desk, said: tuple[str, ...]) -> None:
    words = [
        AddressWord(f"e{number}", "sms", PHONE, "reply", "", consent="opted_out" if text == "STOP" else "opted_in")
        for number, text in enumerate(("STOP", *said))
    ]
    await take_words(desk.db, lambda: NOW, words[:1])
    await take_words(desk.db, lambda: NOW + timedelta(minutes=1), words[1:])
    assert (await desk.send(desk.order())).verdict == ("sent" if said[-1] == "START" else "suppressed")


@pytest.mark.parametrize("by", ["report", "answer"])
async def test_a_stop_outlasts_word_that_the_number_is_dead(desk: Desk, by: str) -> None:
    """Else a person who lifts that word would lift the STOP with it, and START would lift neither."""
    stop = partial(say, desk.db, "stop", "sms", address=PHONE, source="reply", consent="opted_out")
    if by == "report":
        await stop()
        await say(desk.db, "dead", "sms", address=PHONE, source="twilio", dead="twilio 30005: the number is unknown")
    else:
        claimed = await desk.claim(send := desk.order())
        assert isinstance(claimed, Claimed)
        await stop()
        dead = Result("undeliverable", f"{DEAD_ADDRESS}: twilio 21211")
        await MessageLedger(desk.db).record(send, claimed.attempt, dead, now=NOW)
    [found] = (await list_suppressions(desk.db)).items
    assert (found.source, found.reason) == ("reply", STOPPED)
    await say(desk.db, "start", "sms", address=PHONE, source="reply", consent="opted_in")
    assert (await desk.send(desk.order(visit=2, key="1/send_hello/2/sms"))).verdict == "sent"
