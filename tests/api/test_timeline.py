from datetime import timedelta
from typing import Any

import httpx
import pytest

from store.coupons import Coupons, load_codes
from store.database import Database
from store.reading_timeline import KINDS
from store.tasks import Completion, Tasks, claim, complete
from tests.api.reading import add, add_enrolment, add_event, add_message, add_step, after, reading, walk
from tests.deeds import add_enrolments, open_task, take_coupon
from tests.rows import AT, add_customer


async def timeline(api: httpx.AsyncClient, customer: int, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/customers/{customer}/timeline", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def sentences(db: Database, customer: int, **query: Any) -> list[str]:
    async with reading(db) as api:
        return [entry["sentence"] for entry in await timeline(api, customer, **query)]


async def test_whole_story_is_told_in_order_and_in_plain_words(db: Database) -> None:
    ana = await add_customer(db)
    await add_event(db, ana, "Account Created")
    life = await add_enrolment(
        db, ana, journey="account_activation", step="wait_for_account_activated_2", started_at=AT
    )
    await add_step(db, life, "send_activate_account", "send", left_at=after(seconds=2), result={"outcome": "sent"})
    await add_message(
        db, life, "send_activate_account", channel="email", message="activate_account", sent_at=after(seconds=1)
    )
    waited = {"entered_at": after(seconds=2), "left_at": after(days=1), "waits_until": after(days=1)}
    await add_step(db, life, "wait_for_account_activated", "wait_for", **waited, result={"outcome": "timeout"})
    await add_step(db, life, "send_last_touch", "send", entered_at=after(days=1), left_at=after(days=1, seconds=1))
    no_phone = {"status": "undeliverable", "reason": "the customer has no phone", "created_at": after(days=1)}
    await add_message(db, life, "send_last_touch", **no_phone)
    still = {"entered_at": after(days=1, seconds=1), "waits_until": after(days=31)}
    await add_step(db, life, "wait_for_account_activated_2", "wait_for", **still)

    assert await sentences(db, ana) == [
        "Account Created",
        "Entered account_activation",
        "Reached step send_activate_account",
        "E-mail activate_account sent",
        "Reached step wait_for_account_activated",
        "Left step wait_for_account_activated: the time was up",
        "Reached step send_last_touch",
        "Not sent: the customer has no phone (SMS last_touch)",
        "Waiting in step wait_for_account_activated_2 until Wed 1 Apr 12:00 UTC",
    ]


async def test_end_by_an_event_follows_that_event(db: Database) -> None:
    ana = await add_customer(db)
    await add_event(db, ana, "Bought", after(days=1))
    ended = {"state": "ended", "outcome": "converted", "ended_at": after(days=1)}
    await add_enrolment(db, ana, key="north", goal_at=after(days=1), goal_value=7_000_000, **ended)
    assert await sentences(db, ana) == [
        "Entered reservation (north)",
        "Bought",
        "Reached the goal of reservation, worth 7,000,000",
        "Left reservation (north): converted",
    ]


async def test_one_that_replaces_another_comes_after_its_end(db: Database) -> None:
    ana = await add_customer(db)
    await add_enrolment(db, ana, key="7", state="ended", outcome="replaced", ended_at=after(days=1))
    await add_enrolment(db, ana, key="7", started_at=after(days=1))
    told = await sentences(db, ana)
    assert told == ["Entered reservation (7)", "Left reservation (7): replaced", "Entered reservation (7)"]


async def test_steps_of_one_moment_keep_their_order(db: Database) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana)
    for step in ("c", "a", "b"):
        await add_step(db, life, step, "wait_for", left_at=AT, result={"outcome": "Called"})
        await add_message(db, life, step, message=f"m_{step}", sent_at=AT)
    told = await sentences(db, ana, order="oldest")
    assert told[1:] == [
        sentence
        for step in ("c", "a", "b")
        for sentence in (f"Reached step {step}", f"SMS m_{step} sent", f"Left step {step}: Called")
    ]
    assert await sentences(db, ana, order="newest") == told[::-1]


async def test_times_in_sentences_are_the_customers(db: Database) -> None:
    ana = await add_customer(db, time_zone="Europe/Moscow")
    life = await add_enrolment(db, ana)
    await add_step(db, life, "day_before", "wait", waits_until=after(days=306, hours=18))
    assert "Waiting in step day_before until Sat 2 Jan 2027 09:00 (Europe/Moscow)" in await sentences(db, ana)


async def test_what_holds_a_send_back_is_told_with_the_moment_it_is_tried_again(db: Database) -> None:
    ana = await add_customer(db, time_zone="Europe/Moscow")
    life = await add_enrolment(db, ana, step="send_offer")
    await add_step(db, life, "send_offer", "send", waits_until=after(hours=2))
    await add_message(db, life, "send_offer", message="offer", status="held", reason="twilio 429: too many requests")
    told = await sentences(db, ana)
    assert "Sending in step send_offer, held back until Sun 1 Mar 17:00 (Europe/Moscow)" in told
    assert "SMS offer held back: twilio 429: too many requests" in told


async def test_wait_that_an_end_cut_short_came_to_no_result(db: Database) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana, state="ended", outcome="stopped", ended_at=after(days=1))
    left = {"left_at": after(days=1, seconds=1), "result": {"outcome": "timeout"}}  # an earlier visit's
    await add_step(db, life, "quiet", "wait_for", **left)
    assert (await sentences(db, ana))[-2:] == ["Left reservation: stopped", "Left step quiet: reservation had ended"]


async def test_nobody_waits_in_an_enrolment_that_has_ended(db: Database) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana, state="ending", outcome="stopped", ended_at=after(days=1), reason="a wish")
    await add_step(db, life, "day_before", "wait", waits_until=after(days=3))
    told = await sentences(db, ana)
    assert told[1:] == ["Reached step day_before", "Left reservation: stopped (a wish)"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"status": "sent", "sent_at": AT}, "SMS last_touch sent"),
        ({"status": "opened", "sent_at": AT}, "SMS last_touch sent, and opened"),
        ({"status": "claimed"}, "SMS last_touch is being sent"),
        ({"status": "held", "reason": "the enrolment is paused"}, "SMS last_touch held back: the enrolment is paused"),
        ({"status": "suppressed", "reason": "opted out"}, "Not sent: opted out (SMS last_touch)"),
        ({"status": "unknown", "reason": "no answer"}, "SMS last_touch may or may not have gone out: no answer"),
        (
            {"status": "undeliverable", "reason": "dead address", "sent_at": AT},
            "SMS last_touch sent, but did not arrive: dead address",
        ),
        ({"status": "expired"}, "Not sent (SMS last_touch)"),
        ({"status": "answered", "sent_at": AT}, "SMS last_touch sent, and answered"),
        ({"status": "spam", "sent_at": AT, "channel": "email"}, "E-mail last_touch sent, and marked as spam"),
        (
            {"status": "bounced", "reason": "no such mailbox", "sent_at": AT, "channel": "email"},
            "E-mail last_touch sent, but did not arrive: no such mailbox",
        ),
        ({"status": "sent", "sent_at": AT, "channel": "voice"}, "Call last_touch made"),
        ({"status": "no_answer", "sent_at": AT, "channel": "voice"}, "Call last_touch made, and not answered"),
        ({"status": "busy", "sent_at": AT, "channel": "voice"}, "Call last_touch made: the line was busy"),
        ({"status": "machine", "sent_at": AT, "channel": "voice"}, "Call last_touch made, and answered by a machine"),
    ],
)
async def test_what_became_of_a_message_is_said(db: Database, columns: dict[str, Any], expected: str) -> None:
    life = await add_enrolment(db, await add_customer(db))
    await add_message(db, life, "send_last_touch", **columns)
    customer = await db.pool.fetchval("SELECT customer_id FROM enrolments")
    assert await sentences(db, customer, kind="message") == [expected]


@pytest.mark.parametrize(
    ("channel", "report", "details", "expected"),
    [
        ("email", "opened", {}, "E-mail last_touch opened"),
        ("email", "clicked", {}, "E-mail last_touch clicked"),
        ("email", "bounced", {"reason": "no such mailbox"}, "E-mail last_touch bounced: no such mailbox"),
        ("email", "spam", {}, "E-mail last_touch marked as spam"),
        ("sms", "failed", {"reason": "the phone is off"}, "SMS last_touch did not arrive: the phone is off"),
        ("sms", "answered", {"text": "Call me"}, "SMS last_touch replied to: Call me"),
        ("voice", "answered", {}, "Call last_touch answered"),
        ("voice", "no_answer", {}, "Call last_touch not answered"),
        ("voice", "busy", {}, "Call last_touch not answered: the line was busy"),
        ("voice", "machine", {}, "Call last_touch answered by a machine"),
        ("web_push", "opened", {}, "Web push last_touch opened"),
    ],
)
async def test_each_report_is_told(
    db: Database, channel: str, report: str, details: dict[str, str], expected: str
) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana)
    key = await add_message(db, life, "send_last_touch", channel=channel, sent_at=AT)
    told = {"message_key": key, "report": report, "details": details, "at": after(hours=1), "occurred_at": AT}
    await add(db, "message_events", event_id="1", **told)
    await add(db, "message_events", event_id="2", **told | {"report": "delivered"})  # has a line of its own
    assert await sentences(db, ana, kind="message_report") == [expected]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"kind": "identify", "properties": {"phone": "+5511", "email": "a@x.test"}}, "Identified (email, phone)"),
        ({"kind": "identify"}, "Identified"),
        ({"kind": "page", "properties": {"name": "Pricing"}}, "Viewed page Pricing"),
        ({"kind": "screen"}, "Viewed a screen"),
        ({"kind": "group", "properties": {"groupId": "acme"}}, "Joined group acme"),
        ({"kind": "alias", "properties": {"previousId": "v"}}, "Known by another id from here on"),
    ],
)
async def test_each_kind_of_call_has_its_words(db: Database, columns: dict[str, Any], expected: str) -> None:
    ana = await add_customer(db)
    await add_event(db, ana, columns["kind"], **columns)
    assert await sentences(db, ana) == [expected]


async def test_reasons_of_what_did_not_happen_are_told(db: Database) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana, step="day_before", paused_at=after(hours=3), reason="a loop without a wait")
    verdict = {"customer_id": ana, "journey": "reservation"}
    await add(db, "verdicts", **verdict, verdict="not_started", reason="the event has no key", at=after(hours=1))
    lost = {"verdict": "restarted", "reason": "its workflow was not there", "at": after(hours=2)}
    await add(db, "verdicts", **verdict, **lost, enrolment_id=life, step="day_before")
    await add(db, "consents", customer_id=ana, channel="sms", state="opted_out", source="provider", at=after(hours=4))
    assert (await sentences(db, ana))[1:] == [
        "Did not enter reservation: the event has no key",
        "Restarted where it stood: its workflow was not there",
        "Paused in reservation: a loop without a wait",
        "Opted out of everything by SMS",
    ]


async def test_tasks_and_coupons_are_told(db: Database) -> None:
    [(ana, life)] = await add_enrolments(db, 1)
    await load_codes(db, "bonus30", ["SAVE"])
    await Coupons(db).take(take_coupon(ana, life, at=after(seconds=1)))
    wanted = open_task(ana, life, at=after(seconds=2), due_at=after(days=1))
    task_id = (await Tasks(db).open_task(wanted)).result["task_id"]
    await claim(db, lambda: after(hours=1), task_id, "maria")
    assert (await sentences(db, ana))[1:] == [
        "Given the coupon SAVE (bonus30)",
        "Task for sales: Qualify Ana (qualify, by Mon 2 Mar 12:00 UTC)",
        "Task qualify claimed by maria",
    ]
    await complete(db, lambda: after(hours=1), task_id, Completion("maria", "A", "call on Tuesday"))
    told = await sentences(db, ana, kind=["task_claimed", "task_completed"])
    assert told == ["Task qualify claimed by maria", "Task qualify done by maria: A (call on Tuesday)"]
    async with reading(db) as api:
        page = await api.get(f"/v1/customers/{ana}/timeline?kind=task_claimed&kind=task_completed&limit=1")
        cursor = page.json()["next_cursor"]
        [second] = await timeline(api, ana, kind=["task_claimed", "task_completed"], limit=1, cursor=cursor)
    assert second["sentence"] == told[1]


async def test_task_is_opened_within_its_step(db: Database) -> None:
    [(ana, life)] = await add_enrolments(db, 1)
    await add_step(db, life, "qualify", "task", left_at=AT)
    await add_step(db, life, "send_hello", "send", left_at=AT)
    await Tasks(db).open_task(open_task(ana, life))
    assert (await sentences(db, ana))[1:] == [
        "Reached step qualify",
        "Task for sales: Qualify Ana (qualify)",
        "Left step qualify",
        "Reached step send_hello",
    ]


async def test_entries_have_facts_for_programs(db: Database) -> None:
    ana = await add_customer(db)
    await add_event(db, ana, "Account Created", properties={"plan": "pro"}, occurred_at=after(hours=-1))
    life = await add_enrolment(db, ana)
    key = await add_message(db, life, "send_last_touch", status="delivered", sent_at=AT, delivered_at=after(minutes=1))
    async with reading(db) as api:
        entries = await timeline(api, ana)
    by_kind = {entry["kind"]: entry for entry in entries}
    assert by_kind["event"]["details"]["properties"] == {"plan": "pro"}
    assert by_kind["event"]["details"]["occurred_at"].startswith("2026-03-01T11:00:00")
    assert by_kind["message"]["details"]["key"] == key
    delivered = by_kind["message_delivered"]
    assert (delivered["sentence"], delivered["at"]) == ("SMS last_touch delivered", "2026-03-01T12:01:00Z")
    assert (delivered["enrolment"], delivered["journey"], delivered["step"]) == (life, "reservation", "send_last_touch")


@pytest.mark.parametrize("order", ["oldest", "newest"])
async def test_pages_of_one_moment_join_without_gap_or_overlap(db: Database, order: str) -> None:
    ana = await add_customer(db)
    for number in range(11):
        await add_event(db, ana, f"Event {number}", AT + timedelta(seconds=number // 4), message_id=str(number))
    life = await add_enrolment(db, ana, state="ended", outcome="expired", ended_at=AT)
    for channel in ("sms", "email"):
        await add_message(db, life, "send", channel=channel, sent_at=AT)
    whole = await sentences(db, ana, order=order)
    assert len(whole) == 15
    async with reading(db) as api:
        found = [entry["sentence"] for entry in await walk(api, f"/v1/customers/{ana}/timeline", limit=2, order=order)]
    assert found == whole


async def test_story_goes_on_through_a_merge(db: Database) -> None:
    stays = await add_customer(db)
    gone = await add_customer(db, merged_into=stays)
    await add_event(db, gone, "Before")
    await add_event(db, stays, "After", after(days=1))
    assert await sentences(db, gone) == ["Before", "After"]


async def test_kinds_can_be_chosen(db: Database) -> None:
    ana = await add_customer(db)
    await add_event(db, ana, "Account Created")
    await add_enrolment(db, ana)
    assert await sentences(db, ana, kind="event") == ["Account Created"]
    assert await sentences(db, ana, kind=["event", "enrolment_started"]) == ["Account Created", "Entered reservation"]
    async with reading(db) as api:
        refused = await api.get(f"/v1/customers/{ana}/timeline?kind=gossip")
    assert refused.status_code == 422


async def test_every_kind_can_be_read_alone(db: Database) -> None:
    ana = await add_customer(db)
    for kind in KINDS:
        assert await sentences(db, ana, kind=kind) == []


async def test_timeline_of_nobody_is_a_problem(db: Database) -> None:
    async with reading(db) as api:
        assert (await api.get("/v1/customers/77/timeline")).status_code == 404
