from datetime import timedelta
from typing import Any

import httpx
import pytest

from language.port import Answer
from store.calls import CallLedger
from store.database import Database
from store.replays import ReplayQueue
from tests.activities.calling import order_of
from tests.api.reading import add_enrolment, add_identifier, add_step, after, reading, walk
from tests.rows import AT, add_customer

REFUSED = Answer(verdict="refused", reason="it answered 404")


async def add_call(db: Database, answer: Answer | None = REFUSED, *, at: Any = AT, **more: Any) -> str:
    """A call of a new customer, settled with this answer; None: it is held. Whoever made it calls no more."""
    customer = await add_customer(db)
    order = order_of(customer, await add_enrolment(db, customer, journey=more.pop("journey", "reservation")), **more)
    await db.pool.execute("UPDATE enrolments SET last_seq = 1")
    ledger = CallLedger(db)
    await ledger.claim(order, now=at, patience=timedelta(minutes=15))
    if answer is None:
        await ledger.hold(order, "it answered 503", now=at, was_called=True)
    else:
        await ledger.settle(order, answer, now=at)
    await db.pool.execute("UPDATE calls SET call_until = clock_timestamp()")
    return order.key


async def keys(api: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await api.get("/v1/calls", params=query)
    assert answer.status_code == 200, answer.text
    return [call["key"] for call in answer.json()["items"]]


async def replay_all(db: Database, answer: Answer) -> int:
    """What workers come to with all that waits; how many that were."""
    queue, count = ReplayQueue(db), 0
    while (taken := await queue.take([])) is not None:
        count += await queue.settle(taken, answer, now=after(hours=3))
    return count


async def test_list_is_filtered_by_whatever_is_given(db: Database) -> None:
    first = await add_call(db)
    held = await add_call(db, None, at=after(seconds=1))
    other = await add_call(db, destination="billing", journey="win_back", at=after(seconds=2))
    done = await add_call(db, Answer(verdict="done", result={"id": 7}), at=after(seconds=3))
    left = await add_call(db, None, at=after(seconds=4))
    [[customer, enrolment]] = await db.pool.fetch("SELECT customer_id, enrolment_id FROM calls WHERE key = $1", left)
    await add_identifier(db, customer, "user_id", "ana")
    await db.pool.execute("UPDATE enrolments SET state = 'ended' WHERE id = $1", enrolment)
    async with reading(db) as api:
        assert await keys(api) == [left, done, other, held, first]
        assert await keys(api, status="refused") == [other, first]
        assert await keys(api, status="held") == [held]
        assert await keys(api, status="cut_off") == [left]
        assert await keys(api, status="done") == [done]
        assert await keys(api, destination="billing") == [other]
        assert await keys(api, journey="reservation", status="refused") == [first]
        assert await keys(api, customer="user_id:ana") == [left]
        assert await keys(api, customer="user_id:nobody") == []
        assert await keys(api, since=after(seconds=3).isoformat()) == [left, done]
        assert await keys(api, replay="waiting") == []
        await api.post(f"/v1/calls/{first}/replay")
        assert await keys(api, replay="waiting") == [first]
        assert await keys(api, replay="none", status="refused") == [other]


async def test_pages_join_without_gap_or_overlap(db: Database) -> None:
    for number in range(7):
        await add_call(db, at=after(seconds=number // 3))
    for query in ({}, {"status": "refused"}):
        async with reading(db) as api:
            whole = await keys(api, **query)
            found = [call["key"] for call in await walk(api, "/v1/calls", limit=2, **query)]
        assert found == whole
        assert len(whole) == 7


async def test_a_call_is_read_with_what_it_tells(db: Database) -> None:
    key = await add_call(db)
    async with reading(db) as api:
        listed = (await api.get("/v1/calls")).json()["items"][0]
        call = (await api.get(f"/v1/calls/{key}")).json()
    assert call == {
        "key": key,
        "customer": 1,
        "enrolment": 1,
        "journey": "reservation",
        "step": "call_crm_lead",
        "visit": 1,
        "destination": "crm_lead",
        "status": "refused",
        "reason": "it answered 404",
        "attempts": 1,
        "first_at": "2026-03-01T12:00:00Z",
        "at": "2026-03-01T12:00:00Z",
        "is_replayable": True,
        "replay": None,
        "values": {"lead": "l1"},
        "answer": {},
    }
    assert listed == {name: told for name, told in call.items() if name not in ("values", "answer")}


async def test_a_call_is_made_again_when_somebody_asks(db: Database) -> None:
    key = await add_call(db)
    async with reading(db, now=after(hours=2)) as api:
        asked = await api.post(f"/v1/calls/{key}/replay")
        assert asked.status_code == 202
        assert asked.json()["replay"] == {
            "status": "waiting",
            "reason": None,
            "attempts": 0,
            "asked_at": "2026-03-01T14:00:00Z",
            "at": None,
        }
        assert (await api.post(f"/v1/calls/{key}/replay")).json() == asked.json()
        assert await replay_all(db, Answer(verdict="done")) == 1
        call = (await api.get(f"/v1/calls/{key}")).json()
        again = await api.post(f"/v1/calls/{key}/replay")
    assert (call["status"], call["reason"], call["values"], call["is_replayable"]) == (
        "refused",
        "it answered 404",
        None,
        False,
    )
    assert (call["replay"]["status"], call["replay"]["attempts"]) == ("done", 1)
    assert call["replay"]["at"] == "2026-03-01T15:00:00Z"
    assert again.status_code == 409
    assert again.json()["detail"] == "This call has been made again already, and was done."


async def test_many_are_made_again_after_an_outage(db: Database) -> None:
    await add_call(db)
    kept = [await add_call(db, at=after(minutes=number)) for number in range(1, 4)]
    await add_call(db, destination="billing", at=after(hours=1))
    await db.pool.execute("UPDATE calls SET values = NULL WHERE key = $1", kept[0])
    words = {"destination": "crm_lead", "since": after(minutes=1).isoformat()}
    async with reading(db) as api:
        asked = await api.post("/v1/calls/replay", json=words)
        assert (asked.status_code, asked.json()) == (202, {"asked": 2, "not_kept": 1})
        assert (await api.post("/v1/calls/replay", json=words)).json() == {"asked": 0, "not_kept": 1}
        assert sorted(await keys(api, replay="waiting")) == kept[1:]
        assert await replay_all(db, REFUSED) == 2
        assert sorted(await keys(api, replay="refused")) == kept[1:]
        assert (await api.post("/v1/calls/replay", json=words)).json() == {"asked": 2, "not_kept": 1}


async def test_which_calls_to_make_again_has_to_be_said(db: Database) -> None:
    unclear = [{}, {"destination": None}, {"destinations": "crm_lead"}, {"since": "yesterday"}, {"status": "cut_off"}]
    async with reading(db) as api:
        for body in unclear:
            answer = await api.post("/v1/calls/replay", json=body)
            assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_unknown_calls_and_unknown_askers_are_turned_away(db: Database) -> None:
    async with reading(db) as api:
        for answer in (await api.get("/v1/calls/7/x/1"), await api.post("/v1/calls/7/x/1/replay")):
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        del api.headers["Authorization"]
        assert (await api.post("/v1/calls/replay", json={"destination": "crm_lead"})).status_code == 401


async def test_the_timeline_tells_of_calls_and_of_their_being_made_again(db: Database) -> None:
    key = await add_call(db, at=after(minutes=15))
    await add_step(db, 1, "call_crm_lead", "call", left_at=after(minutes=15))

    async def told(api: httpx.AsyncClient) -> list[str]:
        asked = {"kind": ["call", "call_replayed", "step_left"]}
        return [it["sentence"] for it in (await api.get("/v1/customers/1/timeline", params=asked)).json()["items"]]

    async with reading(db, now=after(hours=2)) as api:
        past = ["Call of crm_lead came to nothing: it answered 404", "Left step call_crm_lead"]
        assert await told(api) == past
        await api.post(f"/v1/calls/{key}/replay")
        assert await told(api) == [*past, "Call of crm_lead will be made again, as somebody has asked"]
        await replay_all(db, Answer(verdict="refused", reason="it answered 503"))
        nothing = "Called crm_lead again, as somebody had asked, and it came to nothing: it answered 503"
        assert await told(api) == [*past, nothing]
        await api.post(f"/v1/calls/{key}/replay")
        await replay_all(db, Answer(verdict="done"))
        assert await told(api) == [*past, "Called crm_lead again, as somebody had asked: done"]


@pytest.mark.parametrize(
    ("answer", "state", "sentence"),
    [
        (Answer(verdict="done"), "active", "Called crm_lead"),
        (None, "active", "Call of crm_lead waits: it answered 503"),
        (None, "ended", "Call of crm_lead was not settled when reservation ended: it answered 503"),
    ],
)
async def test_each_state_of_a_call_has_its_words(
    db: Database, answer: Answer | None, state: str, sentence: str
) -> None:
    await add_call(db, answer)
    await db.pool.execute("UPDATE enrolments SET state = $1", state)
    async with reading(db) as api:
        [entry] = (await api.get("/v1/customers/1/timeline", params={"kind": "call"})).json()["items"]
    assert entry["sentence"] == sentence
