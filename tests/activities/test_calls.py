"""Another system is called once as far as it heeds the key, whatever it answers and wherever the worker dies."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from activities.functions import FunctionCall, Refused
from language.clock import Pace
from store.database import Database
from tests.activities.calling import SECRET, CallDesk, call_desk, serving_tls
from tests.rows import AT, deliver


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[CallDesk]:
    async with call_desk(db) as desk:
        yield desk


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


# --- what is sent


async def test_it_is_told_what_and_about_whom(desk: CallDesk) -> None:
    answer = await desk.attempt(desk.order())
    assert (answer.verdict, answer.result) == ("done", {"id": 1})
    [heard] = desk.crm.heard
    assert heard.method == "POST"
    assert heard.told == {
        "key": f"{desk.enrolment}/call_crm_lead/1",
        "journey": "reservation",
        "customer_id": desk.customer,
        "values": {"lead": "l1"},
    }
    row = await desk.row()
    assert (row["status"], row["attempts"], row["answer"], row["destination"]) == ("done", 1, {"id": 1}, "crm_lead")


async def test_odd_characters_reach_it_as_they_were_and_signed(db: Database) -> None:
    odd = "Grüße 👩\u200d💻 שלום مرحبا e\u0301 \"<>&;,' \\ %0A {{1}} 漢字\u2028\n" + "ß" * 1600
    async with call_desk(db, secret_env="CRM_SECRET") as desk:
        await desk.attempt(desk.order(values={"lead": odd, odd: ["", None, 0.1]}))
    [heard] = desk.crm.heard
    assert heard.told["values"] == {"lead": odd, odd: ["", None, 0.1]}
    assert heard.is_signed(SECRET)


async def test_headers_and_method_are_the_destinations(db: Database) -> None:
    told = {"method": "PUT", "headers": {"X-Team": "sales"}, "headers_env": {"Authorization": "CRM_AUTHORIZATION"}}
    async with call_desk(db, **told) as desk:
        await desk.attempt(desk.order())
    [heard] = desk.crm.heard
    assert (heard.method, heard.headers["x-team"], heard.headers["authorization"]) == ("PUT", "sales", "Bearer t")


async def test_it_is_signed_as_standard_webhooks_say(db: Database) -> None:
    async with call_desk(db, secret_env="CRM_SECRET") as desk:
        await desk.attempt(desk.order())
    [heard] = desk.crm.heard
    assert heard.is_signed(SECRET)
    assert not heard.is_signed("whsec_AAAA")
    assert abs(int(heard.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60


async def test_a_missing_secret_sends_nothing_unsigned(db: Database) -> None:
    async with call_desk(db, secret_env="NOT_THERE") as desk:
        error = await desk.failure(desk.order())
    assert "NOT_THERE" in error.message
    assert desk.crm.heard == []


async def test_a_merged_customer_is_called_about_as_who_stays(desk: CallDesk) -> None:
    gone = await desk.db.pool.fetchval(
        "INSERT INTO customers (first_seen_at, merged_into) VALUES ($1, $2) RETURNING id", AT, desk.customer
    )
    await desk.attempt(desk.order().model_copy(update={"customer_id": gone}))
    assert desk.crm.heard[0].told["customer_id"] == desk.customer


# --- what its answers mean


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_a_refusal_is_final(desk: CallDesk, status: int) -> None:
    desk.crm.will.append(status)
    answer = await desk.attempt(desk.order())
    assert (answer.verdict, answer.reason) == ("refused", f"it answered {status}")
    assert await desk.attempt(desk.order()) == answer
    assert len(desk.crm.heard) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_what_may_pass_is_tried_again_with_the_same_ids(desk: CallDesk, status: int) -> None:
    desk.crm.will.append(status)
    error = await desk.failure(desk.order())
    assert (error.message, error.next_retry_delay) == (f"it answered {status}", seconds(1))
    assert (await desk.attempt(desk.order(), 2)).verdict == "done"
    first, second = desk.crm.heard
    assert first.body == second.body
    for name in ("webhook-id", "idempotency-key"):
        assert first.headers[name] == second.headers[name]


async def test_success_is_what_the_destination_says(db: Database) -> None:
    async with call_desk(db, success=["204", "409"]) as desk:
        desk.crm.will.append(409)
        assert (await desk.attempt(desk.order())).verdict == "done"


async def test_no_answer_in_time_is_tried_again(db: Database) -> None:
    async with call_desk(db, timeout="0.2s") as desk:
        desk.crm.will.append(1.0)
        assert (await desk.failure(desk.order())).message == "no answer within 0.2 s"
        assert (await desk.attempt(desk.order(), 2)).verdict == "done"


async def test_nobody_there_is_tried_again(db: Database) -> None:
    async with call_desk(db, url="http://127.0.0.1:1/leads") as desk:
        assert (await desk.failure(desk.order())).message == "no connection"


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(db: Database, tmp_path: Path) -> None:
    async with serving_tls(tmp_path) as address, call_desk(db, url=address) as desk:
        error = await desk.failure(desk.order())
    assert error.message.startswith("its certificate is not valid: self")


async def test_a_redirect_is_not_followed(desk: CallDesk) -> None:
    desk.crm.will.append(lambda request: web.Response(status=307, headers={"Location": desk.crm.url}))
    answer = await desk.attempt(desk.order())
    assert (answer.verdict, len(desk.crm.heard)) == ("refused", 1)
    assert "redirects" in str(answer.reason)


async def test_no_cookie_is_brought_back(desk: CallDesk) -> None:
    desk.crm.will.append(lambda request: web.Response(headers={"Set-Cookie": "session=1; Path=/"}))
    for number in range(2):
        await desk.attempt(desk.order(key=f"{number}/call_crm_lead/1"))
    assert ["Cookie" in heard.headers for heard in desk.crm.heard] == [False, False]


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"score": 7}', {"score": 7}),
        (b"[1, 2]", {"value": [1, 2]}),
        (b"", {}),
        (b"thank you", {}),
        (b'{"a": "\\u0000"}', {}),
        (b'{"a": "' + b"x" * 16_384 + b'"}', {}),
        (b'{"a": "' + b"x" * 16_000 + b'"}', {"a": "x" * 16_000}),
    ],
)
async def test_an_answer_is_kept_if_it_can_be(desk: CallDesk, body: bytes, kept: dict[str, Any]) -> None:
    desk.crm.will.append(lambda request: web.Response(body=body))
    answer = await desk.attempt(desk.order())
    assert (answer.verdict, answer.result) == ("done", kept)
    assert (await desk.row())["answer"] == kept


async def test_nothing_that_it_says_about_people_gets_into_reasons(desk: CallDesk) -> None:
    desk.crm.will.append(404)
    assert "Ana" not in str(await desk.attempt(desk.order()))


# --- how long it is tried


async def test_waits_grow_and_then_the_enrolment_waits_itself(desk: CallDesk) -> None:
    desk.circuit.failures = 99
    desk.crm.will.extend([500] * 5)
    waits = [(await desk.failure(desk.order(), number)).next_retry_delay for number in range(1, 5)]
    assert waits == [seconds(1), seconds(2), seconds(4), seconds(8)]
    answer = await desk.attempt(desk.order(), 5)
    assert (answer.verdict, answer.reason) == ("held", "it answered 500")
    assert answer.retry_at
    assert answer.retry_at - AT >= seconds(16)
    assert (await desk.row())["status"] == "held"


@pytest.mark.parametrize("is_date", [False, True])
async def test_retry_after_is_heeded(desk: CallDesk, is_date: bool) -> None:
    text = format_datetime(datetime.now(UTC) + seconds(41), usegmt=True) if is_date else "40"
    desk.crm.will.append(lambda request: web.Response(status=503, headers={"Retry-After": text}))
    wait = (await desk.failure(desk.order())).next_retry_delay
    assert wait
    assert seconds(38) < wait <= seconds(41)


async def test_a_long_retry_after_lets_the_enrolment_wait(desk: CallDesk) -> None:
    desk.crm.will.append(lambda request: web.Response(status=429, headers={"Retry-After": "300"}))
    answer = await desk.attempt(desk.order())
    assert answer.verdict == "held"
    assert answer.retry_at
    assert answer.retry_at >= AT + seconds(300)


@pytest.mark.parametrize("text", ["1800", "1764000000000", "80000000000000"])
async def test_who_asks_for_more_time_than_there_is_gets_what_is_left(desk: CallDesk, text: str) -> None:
    """Milliseconds for seconds, or a moment for a length, cost no call."""
    desk.crm.will.extend([lambda request: web.Response(status=429, headers={"Retry-After": text})] * 2)
    answer = await desk.attempt(desk.order())
    assert answer.verdict == "held"
    assert answer.retry_at
    assert seconds(899) < answer.retry_at - AT <= seconds(900)
    last = await desk.attempt(desk.order(at=answer.retry_at))
    assert (last.verdict, last.reason) == ("refused", "it answered 429; given up after 15m")


async def test_what_stays_down_is_given_up(desk: CallDesk) -> None:
    desk.crm.will.extend([500] * 3)
    await desk.failure(desk.order())
    await desk.failure(desk.order(at=AT + timedelta(minutes=10)))
    answer = await desk.attempt(desk.order(at=AT + timedelta(minutes=14, seconds=58)))
    assert (answer.verdict, answer.reason) == ("refused", "it answered 500; given up after 15m")
    assert (await desk.attempt(desk.order(at=AT + timedelta(minutes=15)))) == answer
    assert len(desk.crm.heard) == 3


async def test_in_demo_time_it_is_given_up_after_as_much_real_time(desk: CallDesk) -> None:
    desk.crm.will.extend([500] * 2)
    pace = Pace(speed=1000, origin=AT)
    await desk.failure(desk.order(pace=pace))
    error = await desk.failure(desk.order(pace=pace, at=AT + timedelta(hours=2)))
    assert error.next_retry_delay == seconds(2)


async def test_a_pause_does_not_use_up_the_time(desk: CallDesk) -> None:
    desk.crm.will.extend([500] * 2)
    await desk.failure(desk.order())
    assert (await desk.failure(desk.order(at=AT + timedelta(days=3)))).next_retry_delay == seconds(2)


# --- the circuit


async def test_a_destination_that_fails_again_and_again_is_left_alone(desk: CallDesk) -> None:
    desk.crm.will.extend([500] * 5)
    for number in range(1, 5):
        await desk.failure(desk.order(), number)
    await desk.attempt(desk.order(), 5)
    answer = await desk.attempt(desk.order())
    assert (answer.verdict, answer.reason) == ("held", "it is down")
    assert answer.retry_at
    assert seconds(29) < answer.retry_at - AT <= seconds(31)
    assert len(desk.crm.heard) == 5
    assert (await desk.row())["attempts"] == 5


async def test_one_tries_first_and_its_success_lets_all_in(desk: CallDesk) -> None:
    desk.circuit.open_for = seconds(0.2)
    desk.crm.will.extend([500] * 5)
    for number in range(1, 5):
        await desk.failure(desk.order(), number)
    await desk.attempt(desk.order(), 5)
    await asyncio.sleep(0.25)
    assert (await desk.attempt(desk.order())).verdict == "done"
    assert (await desk.attempt(desk.order(key="other/1/1"))).verdict == "done"


async def test_a_refusal_opens_no_circuit(desk: CallDesk) -> None:
    desk.crm.will.extend([422] * 10)
    for number in range(10):
        await desk.attempt(desk.order(key=f"{number}/call/1"))
    assert len(desk.crm.heard) == 10


async def test_what_is_held_too_long_is_given_up_uncalled(desk: CallDesk) -> None:
    for _ in range(5):
        desk.circuit.failed()
    assert (await desk.attempt(desk.order())).verdict == "held"
    answer = await desk.attempt(desk.order(at=AT + timedelta(minutes=14, seconds=45)))
    assert (answer.verdict, answer.reason) == ("refused", "it is down; given up after 15m")
    assert desk.crm.heard == []


# --- once, and not after an exit


async def test_done_twice_it_answers_as_before_and_calls_no_more(desk: CallDesk) -> None:
    first = await desk.attempt(desk.order())
    await desk.db.pool.execute("UPDATE enrolments SET state = 'ended', outcome = 'moved_on'")
    desk.activities = desk.worker()
    assert await desk.attempt(desk.order()) == first
    assert len(desk.crm.heard) == 1


async def test_nothing_is_called_after_an_exit(desk: CallDesk) -> None:
    await desk.db.pool.execute("UPDATE enrolments SET state = 'ending', outcome = 'moved_on'")
    assert (await desk.attempt(desk.order())).verdict == "closed"
    assert (desk.crm.heard, await desk.row()) == ([], None)


async def test_no_second_attempt_after_an_exit(desk: CallDesk) -> None:
    desk.crm.will.append(500)
    await desk.failure(desk.order())
    await desk.db.pool.execute("UPDATE enrolments SET state = 'ending', outcome = 'moved_on'")
    assert (await desk.attempt(desk.order(), 2)).verdict == "closed"
    assert len(desk.crm.heard) == 1


async def test_nothing_is_called_in_a_pause_or_before_news_is_heard(desk: CallDesk) -> None:
    await deliver(desk.db, desk.enrolment)
    behind = await desk.attempt(desk.order())
    assert (behind.verdict, [one.seq for one in behind.unseen]) == ("behind", [2])
    await desk.db.pool.execute("UPDATE enrolments SET paused_at = $1", AT)
    assert (await desk.attempt(desk.order(2))).verdict == "paused"
    assert desk.crm.heard == []


@pytest.mark.parametrize("point", ["worker.call_claimed", "worker.call_answered"])
async def test_a_worker_that_dies_is_followed_by_the_same_call(desk: CallDesk, point: str) -> None:
    class Died(BaseException):
        pass

    def die(reached: str) -> None:
        if reached == point:
            raise Died

    desk.activities._hit = die
    with pytest.raises(Died):
        await desk.attempt(desk.order())
    desk.activities = desk.worker()
    assert (await desk.attempt(desk.order(), 2)).verdict == "done"
    assert len({heard.headers["idempotency-key"] for heard in desk.crm.heard}) == 1
    assert (await desk.row())["status"] == "done"


async def test_two_attempts_at_once_leave_one_answer(desk: CallDesk) -> None:
    answers = await asyncio.gather(*(desk.attempt(desk.order()) for _ in range(8)))
    kept = (await desk.row())["answer"]
    assert all(answer.result == kept for answer in answers)
    assert len({heard.headers["idempotency-key"] for heard in desk.crm.heard}) == 1


# --- functions


@pytest.fixture
def score(desk: CallDesk) -> Any:
    """An order that calls the function `credit_score`."""
    return desk.order(destination="credit_score", values={"id": 7})


async def test_a_function_is_called_by_name(desk: CallDesk, score: Any) -> None:
    calls: list[FunctionCall] = []

    async def credit_score(call: FunctionCall) -> dict[str, Any]:
        calls.append(call)
        return {"score": 700}

    desk.functions["credit_score"] = credit_score
    answer = await desk.attempt(score)
    assert (answer.verdict, answer.result) == ("done", {"score": 700})
    told = FunctionCall(score.key, "reservation", "call_crm_lead", desk.customer, AT, 1, {"id": 7})
    assert calls == [told]
    assert await desk.attempt(score) == answer
    assert len(calls) == 1


async def test_a_plain_function_runs_beside_the_loop(desk: CallDesk, score: Any) -> None:
    loop = asyncio.get_running_loop()

    def credit_score(call: FunctionCall) -> dict[str, Any]:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(5)  # hangs if it stands in the loop's way
        return {}

    desk.functions["credit_score"] = credit_score
    assert (await desk.attempt(score)).verdict == "done"


async def test_a_function_may_refuse(desk: CallDesk, score: Any) -> None:
    def credit_score(call: FunctionCall) -> dict[str, Any]:
        raise Refused("too young")

    desk.functions["credit_score"] = credit_score
    answer = await desk.attempt(score)
    assert (answer.verdict, answer.reason) == ("refused", "too young")


async def test_a_function_that_raises_is_tried_again_and_then_given_up(desk: CallDesk, score: Any) -> None:
    def credit_score(call: FunctionCall) -> dict[str, Any]:
        raise KeyError("ana@example.com")

    desk.functions["credit_score"] = credit_score
    error = await desk.failure(score)
    assert error.message.startswith("the function raised KeyError in test_calls.py:")
    answer = await desk.attempt(score.model_copy(update={"at": AT + timedelta(minutes=14, seconds=59)}))
    assert answer.verdict == "refused"
    assert "ana@example.com" not in f"{error} {answer}"


async def test_a_function_that_always_fails_stands_in_nobodys_way(desk: CallDesk) -> None:
    def failing(call: FunctionCall) -> dict[str, Any]:
        raise RuntimeError

    desk.functions["failing"] = failing
    for number in range(8):
        await desk.failure(desk.order(destination="failing", key=f"{number}/call/1"))


@pytest.mark.parametrize("returned", [{"a": object()}, {"a": "x" * 16_384}])
async def test_what_cannot_be_kept_is_refused(desk: CallDesk, score: Any, returned: dict[str, Any]) -> None:
    desk.functions["credit_score"] = lambda call: returned
    assert (await desk.attempt(score)).verdict == "refused"


async def test_a_function_that_this_worker_does_not_know_is_waited_for(desk: CallDesk, score: Any) -> None:
    assert "SOJOURN_FUNCTIONS" in (await desk.failure(score)).message
    desk.functions["credit_score"] = lambda call: None
    assert (await desk.attempt(score, 2)).verdict == "done"
