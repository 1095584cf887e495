"""What providers say of calls and mails, signed and posted to the API, leads each enrolment where its journey says."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from harness.patience import eventually
from harness.temporal import VirtualTemporal
from language.journey import Journey
from language.library import compile_journey, read_library
from scripts.provider import Accepted
from store.database import Database
from tests.workflows.operator import Operator, operator_of
from tests.workflows.plays import SHIPPED
from tests.world import World, world_in

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
THURSDAY = datetime(2026, 3, 5, 7, 59, 30, tzinfo=UTC)
"""Half a minute before the offer's hour in Moscow."""

QUALIFY = {"journey": "qualify", "start": {"call": True}, "again": "after_exit", "steps": [{"stop": "qualified"}]}

LAST = timedelta(seconds=10)

DONE = {"CallStatus": "completed", "CallDuration": "9"}
Said = tuple[dict[str, str], ...]
"""What Twilio tells of a call; `up`: who it thinks is there, when it asks what to say."""

REACHED: dict[str, Said] = {
    "a person": ({"up": "human"}, DONE | {"AnsweredBy": "human"}),
    "nobody knows who": ({"up": "unknown"}, DONE),
    "the end before the beginning": (
        DONE | {"SequenceNumber": "3"},
        {"CallStatus": "in-progress", "SequenceNumber": "2"},
        {"CallStatus": "initiated", "SequenceNumber": "0"},
    ),
    "a machine, said too late": (DONE, {"AnsweredBy": "machine_start"}),
}
MISSED: dict[str, Said] = {
    "a machine": ({"up": "machine_start"}, DONE | {"AnsweredBy": "machine_start"}),
    "a machine, said only to the script": ({"up": "machine_start"}, DONE),
    "a machine, said by itself": ({"AnsweredBy": "machine_start"}, DONE),
    "a fax": ({"up": "fax"}, DONE),
    "the line is busy": ({"CallStatus": "initiated"}, {"CallStatus": "busy"}),
    "nobody answers": ({"CallStatus": "no-answer", "SequenceNumber": "1"}, {"CallStatus": "initiated"}),
}
NOT_REACHED: dict[str, Said] = {
    "no such number": ({"CallStatus": "failed", "SipResponseCode": "404"},),
    "called off": ({"CallStatus": "canceled"},),
}
TELL = REACHED | MISSED | NOT_REACHED
PHONES = {name: f"+7903123{number}" for number, name in enumerate(TELL, 4500)}
FIRST = Counter([("robot_call", "voice"), ("robot_call", "sms")])
HUNG_UP = {"machine_start", "fax"}


@pytest.fixture
async def world(db: Database, temporal: VirtualTemporal) -> AsyncIterator[World]:
    async with world_in(db, temporal) as world:
        yield world


async def begin_at(world: World, moment: datetime) -> None:
    await world.stop_relay()
    assert isinstance(world.temporal, VirtualTemporal)
    await world.temporal.begin_at(moment)
    world.start_relay()


async def tell(operator: Operator, call: Accepted, said: Said) -> None:
    for fields in said:
        if who := fields.get("up"):
            assert await operator.picks_up(call, who) == (["Hangup"] if who in HUNG_UP else ["Say"])
        else:
            await operator.tells(call, **fields)


async def outcomes(world: World, journey: str) -> dict[str, str | None]:
    """By customer."""
    query = """
    SELECT i.value, e.outcome FROM enrolments e JOIN identifiers i USING (customer_id)
    WHERE journey = $1 AND i.kind = 'user_id'"""
    return {row["value"]: row["outcome"] for row in await world.db.pool.fetch(query, journey)}


async def results(world: World) -> list[str]:
    """What the cascade came to, customer by customer."""
    query = "SELECT result ->> 'outcome' FROM steps JOIN enrolments e ON e.id = enrolment_id ORDER BY e.customer_id"
    return [row[0] for row in await world.db.pool.fetch(query)]


async def register(world: World) -> None:
    journeys = [SHIPPED.journeys["first_touch"], Journey.model_validate(QUALIFY)]
    await world.publish_compiled([compile_journey(it, SHIPPED.messages) for it in journeys], SHIPPED.policy)
    for name, phone in PHONES.items():
        await world.identify({"phone": phone}, user=name, time_zone="Europe/Moscow")
        await world.track("Account Registered", {"source": "site"}, user=name)


class Calls:
    """Who was called by a step, and who has ended how."""

    def __init__(self, world: World, operator: Operator) -> None:
        self.world, self.operator = world, operator

    async def of(self, step: str, names: Iterable[str]) -> dict[str, Accepted]:
        """Once exactly these have been called."""
        wanted = {PHONES[name]: name for name in names}

        async def are_made() -> bool:
            return self._to(step).keys() == wanted.keys()

        await eventually(are_made)
        return {wanted[phone]: call for phone, call in self._to(step).items()}

    async def ended(self, by_name: Mapping[str, str]) -> None:
        """Once these have ended so, and nobody else."""

        async def have() -> bool:
            found = await outcomes(self.world, "first_touch")
            return {name: it for name, it in found.items() if it} == by_name

        await eventually(have)

    def _to(self, step: str) -> dict[str, Accepted]:
        accepted = self.world.provider.accepted
        return {it.recipient: it for it in accepted if it.key.split("/")[1::2] == [step, "voice"]}


async def test_every_end_of_a_call_takes_its_branch(world: World) -> None:
    await begin_at(world, MONDAY)
    async with operator_of(world) as operator:
        await register(world)
        calls = Calls(world, operator)
        first = await calls.of("robot_call", TELL)
        for name, said in TELL.items():
            await tell(operator, first[name], said)
        ended = dict.fromkeys(REACHED, "reached") | dict.fromkeys(NOT_REACHED, "not_reached")
        await calls.ended(ended)
        await world.skip(minutes=3)
        await eventually(partial(are_written_to, operator, MISSED))
        await operator.writes(PHONES["a machine"], "Call me at six")
        await calls.ended(ended | {"a machine": "reached"})
        await world.skip(hours=1, minutes=2)
        second = await calls.of("second_call", MISSED.keys() - {"a machine"})
        await operator.tells(second.pop("nobody answers"), CallStatus="no-answer")
        for call in second.values():
            await operator.tells(call, **DONE, AnsweredBy="human")
        ended |= dict.fromkeys(MISSED.keys() - {"nobody answers"}, "reached")
        await calls.ended(ended)
        await world.skip(days=1, hours=1)
        third = await calls.of("third_call", ["nobody answers"])
        await operator.tells(third["nobody answers"], CallStatus="busy")
        ended |= {"nobody answers": "not_reached"}
        await calls.ended(ended)
    for name in (*REACHED, *NOT_REACHED):
        assert Counter(operator.steps_to(PHONES[name])) == FIRST, name
    assert await handed_over(world) == {name: outcome == "reached" for name, outcome in ended.items()}
    assert len(world.provider.accepted) == len({it.key for it in world.provider.accepted})


async def are_written_to(operator: Operator, names: Iterable[str]) -> bool:
    missed = {name for name, phone in PHONES.items() if ("send_missed_call", "whatsapp") in operator.steps_to(phone)}
    return missed == set(names)


async def handed_over(world: World) -> dict[str, bool]:
    """What `qualify` was told of each: were they reached?"""
    query = """
    SELECT i.value, e.start FROM enrolments e JOIN identifiers i USING (customer_id)
    WHERE journey = 'qualify' AND i.kind = 'user_id'"""
    return {row["value"]: row["start"]["reached"] for row in await world.db.pool.fetch(query)}


OFFER: dict[str, dict[str, Any]] = {
    "opens at the last moment": {"email": "last@example.com", "phone": "+79161234501"},
    "opens at the last instant": {"email": "instant@example.com", "phone": "+79161234502"},
    "has no e-mail": {"phone": "+79161234503"},
    "bounces": {"email": "gone@example.com", "phone": "+79161234504"},
}
BY_MAIL, BY_SMS = ("cascade_month_offer", "email"), ("cascade_month_offer", "sms")
AT_ONCE = [[BY_MAIL], [BY_MAIL], [BY_SMS], [BY_MAIL, BY_SMS]]


async def test_offer_goes_by_sms_only_where_nobody_has_opened_it(world: World) -> None:
    """One opens right before the day is over; another between its end and the claim of the SMS."""
    await begin_at(world, THURSDAY)
    async with operator_of(world) as operator:

        async def is_out(went: list[list[tuple[str, str]]]) -> bool:
            return [operator.steps_to(*traits.values()) for traits in OFFER.values()] == went

        await world.publish(SHIPPED, "promo_cascade")
        for name, traits in OFFER.items():
            await world.identify({**traits, "newsletter": True}, user=name, time_zone="Europe/Moscow")
        await world.skip(minutes=1)
        await eventually(partial(is_out, [[BY_MAIL], [BY_MAIL], [BY_SMS], [BY_MAIL]]))
        last, instant, gone = (operator.sent_to(traits["email"])[0] for traits in OFFER.values() if "email" in traits)
        await world.settle()
        await operator.mails(gone, "bounce", type="bounce", status="5.1.1", reason="unknown user")
        await eventually(partial(is_out, AT_ONCE))
        await operator.mails(last, "delivered")
        await operator.mails(instant, "open", sg_machine_open=True)
        due = await world.db.pool.fetchval("SELECT max(waits_until) FROM steps WHERE step = $1", BY_MAIL[0])
        await world.temporal.skip(due - LAST - world.now())
        await operator.mails(last, "open")
        world.before_claim = partial(operator.mails, instant, "open")
        await world.skip(minutes=1)
        await eventually(partial(are_completed, world))
        assert await is_out(AT_ONCE)
    assert await results(world) == ["reached", "reached", "unreached", "unreached"]


async def are_completed(world: World) -> bool:
    return await outcomes(world, "promo_cascade") == dict.fromkeys(OFFER, "completed")


ASKS = """
journey: asks
title: Asks
start: {on: Begun}
steps:
  - {id: ask, send: question, via: voice}
  - wait_for:
      - {on: Call Digits Pressed, of: ask, where: event.digits == "1", do: [{stop: call_back}]}
      - {on: Call Digits Pressed, of: ask, do: [{stop: leave_alone}]}
    within: 1m
    otherwise: [{stop: not_heard}]
"""
QUESTION = "message: question\nclass: transactional\nvoice: {say: Press 1, gather: {digits: 1}}\n"
PRESSED = {"1": "call_back", "2": "leave_alone", "": "not_heard"}


async def test_digits_that_are_pressed_take_their_branch(world: World) -> None:
    """They are told before the call has ended; where none are pressed, or their webhook is lost, the wait runs out."""
    library = read_library({"asks.yaml": ASKS, "messages/question.yaml": QUESTION})
    assert not library.findings
    async with operator_of(world) as operator:
        await world.publish(library)
        phones = {digits: f"+7903123460{number}" for number, digits in enumerate(PRESSED)}
        for digits, phone in phones.items():
            await world.identify({"phone": phone}, user=f"presses {digits}")
            await world.track("Begun", user=f"presses {digits}")
        await eventually(partial(are_called, operator, phones.values()))
        for digits, phone in phones.items():
            [call] = operator.sent_to(phone)
            if digits:
                await operator.presses(call, digits)
            await operator.tells(call, **DONE, AnsweredBy="human")
        await world.settle()
        await world.skip(minutes=2)
        await eventually(partial(have_ended, world))


async def are_called(operator: Operator, phones: Iterable[str]) -> bool:
    return all(operator.sent_to(phone) for phone in phones)


async def have_ended(world: World) -> bool:
    return await outcomes(world, "asks") == {f"presses {digits}": outcome for digits, outcome in PRESSED.items()}
