"""Why a customer got what they got: each verdict with its reason and its rule."""

import json
from datetime import timedelta
from typing import Any

import pytest

from language.policy import Policy
from runtime.settings import Settings
from scripts.why import run
from store.database import Database
from store.policies import publish_policy
from tests.api.reading import add, add_enrolment, add_identifier, add_message, add_step, after, reading
from tests.rows import AT, add_customer, add_version

CAPPED = "3 promotional messages in 7 days, limit 3; next possible Thursday 10:00"
POLICY = Policy.model_validate(
    {"caps": [{"name": "offers_a_week", "limit": 3, "per": "7d", "class": "promotional"}], "minimum_gap": "4h"}
)


async def why(db: Database, customer: int, **query: Any) -> dict[str, Any]:
    async with reading(db) as api:
        answer = await api.get(f"/v1/customers/{customer}/why", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refuse(db: Database, customer: int, journey: str, reason: str, **columns: Any) -> None:
    row = {"journey": journey, "verdict": "not_started", "reason": reason, "at": AT} | columns
    await add(db, "verdicts", customer_id=customer, **row)


async def report(db: Database, key: str, report: str, at: Any = AT, **details: Any) -> None:
    row = {"event_id": f"{key} {report}", "message_key": key, "report": report, "details": details}
    await add(db, "message_events", **row, at=at, occurred_at=at)


async def add_sender(db: Database, journey: str, definition: dict[str, Any], *messages: str) -> None:
    await add_version(db, journey, definition=json.dumps(definition))
    query = "UPDATE journey_versions SET messages = $2 WHERE journey = $1"
    await db.pool.execute(query, journey, {message: {"message": message} for message in messages})


async def test_a_capped_message_names_its_cap(db: Database) -> None:
    await publish_policy(db, POLICY, at=AT)
    ana = await add_customer(db)
    life = await add_enrolment(db, ana)
    key = await add_message(db, life, "send_offer", message="offer", status="suppressed", reason=CAPPED)
    [message] = (await why(db, ana))["messages"]
    assert message["key"] == key
    assert message["sentence"] == f"Not sent: {CAPPED} (SMS offer)"
    assert (message["verdict"], message["reason"]) == ("not_sent", CAPPED)
    assert (message["rule"], message["rule_words"]) == (
        "policy.caps.offers_a_week",
        "the cap offers_a_week of the contact policy",
    )


async def test_a_dropped_message_says_when_one_like_it_could_go_out(db: Database) -> None:
    await publish_policy(db, POLICY, at=AT)
    ana = await add_customer(db, time_zone="UTC")
    life = await add_enrolment(db, ana)
    for days in (1, 3, 5):
        await add_message(db, life, f"send_{days}", message="news", claimed_at=after(days=-days), sent_at=AT)
    await add_message(db, life, "send_later", message="news", claimed_at=after(days=1), sent_at=after(days=1))
    reason = "3 promotional messages in 7 days, limit 3; next possible Tuesday 12:00"
    dropped = {"message": "offer", "status": "suppressed"}
    key = await add_message(db, life, "send_offer", **dropped, reason=reason)
    other = await add_message(db, life, "send_offer", **dropped, reason=CAPPED, visit=2)
    found = {it["key"]: it["next_possible_at"] for it in (await why(db, ana, message="offer"))["messages"]}
    assert found == {key: "2026-03-03T12:00:00Z", other: None}


async def test_a_held_message_says_when_it_is_decided_about_again(db: Database) -> None:
    ana = await add_customer(db, time_zone="Europe/Lisbon")
    life = await add_enrolment(db, ana, step="send_offer")
    quiet = "quiet hours, 21:00 to 09:00 in Europe/Lisbon, by the profile; next possible Monday 09:00"
    await add_step(db, life, "send_offer", "send", waits_until=after(hours=21))
    await add_message(db, life, "send_offer", message="offer", status="held", reason=quiet)
    [message] = (await why(db, ana))["messages"]
    assert (message["verdict"], message["rule"]) == ("held", "policy.quiet_hours")
    assert message["sentence"] == f"SMS offer held back: {quiet}"
    assert message["next_possible_at"] == "2026-03-02T09:00:00Z"


async def test_what_was_reported_since_is_told_and_nothing_spoke_against_it(db: Database) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana)
    sent = {"channel": "email", "message": "offer", "status": "opened", "sent_at": AT}
    key = await add_message(db, life, "send_offer", **sent)
    await report(db, key, "delivered", after(seconds=4))
    await report(db, key, "opened", after(minutes=5))
    [message] = (await why(db, ana))["messages"]
    assert (message["verdict"], message["rule"], message["next_possible_at"]) == ("sent", None, None)
    assert [it["sentence"] for it in message["reports"]] == ["E-mail offer delivered", "E-mail offer opened"]


async def test_one_that_bounced_was_sent_and_the_provider_decided(db: Database) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana)
    gone = {"status": "failed", "reason": "twilio 30003: the phone is off", "sent_at": AT}
    await add_message(db, life, "send_offer", message="offer", **gone)
    [message] = (await why(db, ana))["messages"]
    assert (message["verdict"], message["rule"]) == ("sent", "provider")
    assert message["sentence"] == "SMS offer sent, but did not arrive: twilio 30003: the phone is off"


async def test_journeys_say_how_they_went_and_why_they_were_not_entered(db: Database) -> None:
    ana = await add_customer(db)
    past = {"state": "ended", "outcome": "timed_out", "ended_at": after(days=2)}
    await add_enrolment(db, ana, journey="win_back", **past)
    life = await add_enrolment(db, ana, journey="welcome", step="wait", started_at=after(days=1))
    await add_step(db, life, "wait", "wait", waits_until=after(days=3))
    await refuse(db, ana, "win_back", "already in this journey", at=after(days=3))
    await refuse(db, ana, "win_back", "already in this journey", at=after(days=4))
    journeys = (await why(db, ana))["journeys"]
    assert [it["sentence"] for it in journeys] == [
        "Did not enter win_back: already in this journey (2 times)",
        "Entered welcome; waits in step wait until Wed 4 Mar 12:00 UTC",
        "Entered win_back; left on Tue 3 Mar 12:00 UTC: timed out",
    ]
    assert [it["is_entered"] for it in journeys] == [False, True, True]
    assert journeys[0]["at"] == "2026-03-05T12:00:00Z"


async def test_one_message_is_asked_about(db: Database) -> None:
    ana = await add_customer(db)
    life = await add_enrolment(db, ana)
    key = await add_message(db, life, "send_offer", message="offer")
    await add_message(db, life, "send_other", message="other")
    other = await add_enrolment(db, await add_customer(db))
    foreign = await add_message(db, other, "send_offer", message="offer")
    assert [it["key"] for it in (await why(db, ana, message="offer"))["messages"]] == [key]
    assert [it["key"] for it in (await why(db, ana, message=key))["messages"]] == [key]
    found = await why(db, ana, message=foreign)
    assert found["messages"] == []
    assert found["not_tried"][0]["sentence"] == f"Nothing was decided about {foreign} for this customer"


async def test_a_message_nobody_decided_about_says_why(db: Database) -> None:
    ana = await add_customer(db)
    definition = {"steps": [{"branch": [{"steps": [{"id": "send_offer", "send": "offer"}]}]}]}
    for journey in ("early", "over", "skipped", "refused", "unknown"):
        await add_sender(db, journey, definition, "offer")
    await add_enrolment(db, ana, journey="early", step="wait", started_at=after(hours=3))
    ended = {"state": "ended", "outcome": "converted", "ended_at": after(hours=4)}
    await add_enrolment(db, ana, journey="over", started_at=after(hours=2), **ended)
    life = await add_enrolment(db, ana, journey="skipped", started_at=after(hours=1))
    await add_step(db, life, "send_offer", "send", result={"skipped": "not enabled"}, left_at=AT)
    await add_step(db, life, "send_news", "send", result={"skipped": "not enabled"}, left_at=AT)
    await refuse(db, ana, "refused", "already in this journey")
    found = (await why(db, ana, message="offer"))["not_tried"]
    assert [it["sentence"] for it in found] == [
        "Not reached in early so far: now in step wait",
        "Not reached in over before the customer left it: converted",
        "Passed over in step send_offer on Sun 1 Mar 12:00 UTC: not enabled",
        "Did not enter refused: already in this journey",
        "Never entered unknown: nothing has happened that starts it, or its condition did not hold then",
    ]
    assert {it["step"] for it in (await why(db, ana))["not_tried"]} == {"send_offer", "send_news"}


async def test_a_message_that_no_journey_sends(db: Database) -> None:
    ana = await add_customer(db)
    [nothing] = (await why(db, ana, message="offr"))["not_tried"]
    assert nothing["sentence"] == "No journey that is live, and none that the customer has been in, sends offr"


async def test_nobody_of_that_name_and_no_key(db: Database) -> None:
    async with reading(db) as api:
        assert (await api.get("/v1/customers/user_id:nobody/why")).status_code == 404
        assert (await api.get("/v1/customers/1/why", headers={"Authorization": ""})).status_code == 401


async def test_command_tells_it_to_people(db: Database, database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    await publish_policy(db, POLICY, at=AT)
    ana = await add_customer(db, time_zone="Europe/Lisbon")
    await add_identifier(db, ana, "email", "ana@example.com")
    life = await add_enrolment(db, ana, step="send_offer")
    capped = {"message": "offer", "status": "suppressed", "reason": CAPPED}
    await add_message(db, life, "send_offer", **capped, created_at=AT + timedelta(hours=1))
    key = await add_message(db, life, "send_first", message="first", status="delivered", sent_at=AT)
    await report(db, key, "delivered", after(seconds=4))
    settings = Settings(database_url=database_url)
    assert await run(settings, "email:Ana@example.com", None, as_json=False) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Customer {ana}, times in Europe/Lisbon",
        "",
        "Journeys",
        "  Sun 1 Mar 2026 12:00  Entered reservation; now in step send_offer",
        "",
        "Messages",
        f"  Sun 1 Mar 2026 13:00  Not sent: {CAPPED} (SMS offer)",
        "      rule: the cap offers_a_week of the contact policy (policy.caps.offers_a_week)",
        f"      journey reservation, step send_offer: {life}/send_offer/1/sms",
        "  Sun 1 Mar 2026 12:00  SMS first sent",
        f"      journey reservation, step send_first: {key}",
        "      Sun 1 Mar 2026 12:00  SMS first delivered",
    ]


async def test_command_as_json_and_for_nobody(
    db: Database, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ana = await add_customer(db)
    await add_message(db, await add_enrolment(db, ana), "send_offer", message="offer")
    settings = Settings(database_url=database_url)
    assert await run(settings, str(ana), "offer", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == await why(db, ana, message="offer")
    assert await run(settings, "user_id:nobody", None, as_json=False) == 1
    assert await run(settings, "nobody", None, as_json=False) == 2
    assert "name a customer by our own id" in capsys.readouterr().err
