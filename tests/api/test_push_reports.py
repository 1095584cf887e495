"""A browser and an app tell what became of a push message; only whoever got the message can."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from activities.channel import Outgoing
from activities.channels.sandbox import SandboxChannel
from language.address import address
from language.push_reports import PushReports
from runtime.settings import load_settings
from runtime.signing import Signer
from store.database import Database
from store.ingest import Ingest
from store.sandbox import SandboxInbox
from tests.activities.push_services import TOKEN, VAPID_KEY, Browser, push_services
from tests.api.reading import add_message, reading
from tests.store.ingesting import NOW, Clock, deliveries, publish_journey, track
from worker.channels import Channels, push_reports

PUBLIC = "https://sojourn.example/api"
PATH = "/push/reports"
HEARS: list[dict[str, Any]] = [
    {"wait_for": [{"on": ["Web Push Opened", "Web Push Delivered", "Push Opened", "Push Delivered"]}]}
]
KEYS = f"1:{b64encode(bytes(range(32))).decode()}"
REPORTS = PushReports(PUBLIC, Signer([bytes(range(32))]))


@pytest.fixture
async def api(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Without any key, as on a page of another site."""
    keys = load_settings(signing_keys=KEYS).signing_keys
    async with reading(db, now=NOW + timedelta(hours=1), public_url=PUBLIC, signing_keys=keys) as api:
        del api.headers["Authorization"]
        yield api


@pytest.fixture
async def ana(db: Database) -> int:
    """Her enrolment."""
    await publish_journey(db, journey="offer", start=[{"on": "Asked"}], steps=HEARS)
    await Ingest(db, Clock(NOW)).accept([track("Asked", "ana")])
    return int(await db.pool.fetchval("SELECT id FROM enrolments"))


async def add_push(db: Database, enrolment_id: int, channel: str = "web_push", **columns: Any) -> str:
    """The key of a message that went out."""
    return await add_message(db, enrolment_id, columns.pop("step", "hello"), channel=channel, sent_at=NOW, **columns)


async def tell(api: httpx.AsyncClient, report: Any, event: Any = "opened", to: str = PATH) -> int:
    """As a service worker does: plain text, so that the browser does not ask first."""
    answer = await api.post(to, content=json.dumps({"report": report, "event": event}))
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.status_code == 204 or answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code


async def heard(db: Database, enrolment_id: int) -> list[str]:
    return [row["payload"]["fact"]["name"] for row in (await deliveries(db, enrolment_id))[1:]]


async def status(db: Database, key: str) -> str:
    return str(await db.pool.fetchval("SELECT status FROM messages WHERE key = $1", key))


async def sent_to(
    db: Database, channel: str, key: str, recipient: str, text: str = "Guten Tag", public_url: str = PUBLIC
) -> bytes:
    """What a push service got of a message, sent by the channel that a worker makes of its settings."""
    async with push_services() as services:
        fcm = {"fcm_service_account": json.dumps(services.service_account()), "fcm_url": services.url}
        web = {"vapid_private_key": VAPID_KEY, "vapid_subject": "mailto:ops@flats.test", "web_push_url": services.url}
        channels = Channels.from_settings(load_settings(public_url=public_url, signing_keys=KEYS, **web, **fcm), db)
        await channels.by_name[channel].send(Outgoing(key, channel, recipient, "s", "Your flat", text, None), within=5)
        await channels.close()
        return services.asked[-1].body


async def test_the_journey_hears_what_a_browser_tells(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    browser, key = Browser(), await add_push(db, ana)
    subscription = address("web_push", {"web_push": browser.subscription()})
    told = browser.read(await sent_to(db, "web_push", key, subscription))
    assert told["report_to"] == PUBLIC + PATH
    for event in ("delivered", "opened"):
        assert await tell(api, told["report"], event) == 204
    assert await heard(db, ana) == ["Web Push Delivered", "Web Push Opened"]
    fact = (await deliveries(db, ana))[-1]["payload"]["fact"]
    assert fact["properties"] == {"message": "last_touch", "step": "hello", "channel": "web_push"}
    assert fact["is_activity"]
    assert (await status(db, key), api.bell.rung) == ("opened", 2)  # type: ignore[attr-defined]
    query = "SELECT last_seen_at FROM customers UNION SELECT delivered_at FROM messages"
    assert [row[0] for row in await db.pool.fetch(query)] == [NOW + timedelta(hours=1)]


async def test_the_journey_hears_what_an_app_tells(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    message = json.loads(await sent_to(db, "push", await add_push(db, ana, "push"), TOKEN))["message"]
    data = message["data"]
    assert message["apns"]["payload"]["aps"] == {"mutable-content": 1}
    assert (set(map(type, data.values())), data["sojourn_report_to"]) == ({str}, PUBLIC + PATH)
    assert await tell(api, data["sojourn_report"]) == 204
    assert await heard(db, ana) == ["Push Opened"]


FORGED = {
    "empty": "",
    "the key": "1/hello/1/web_push",
    "cut": REPORTS.ask("1/hello/1/web_push").token[:-1],
    "another's": f"{REPORTS.ask('1/hello/1/web_push').token.partition('.')[0]}.{REPORTS.ask('1/x').token[-22:]}",
    "another key": PushReports(PUBLIC, Signer([bytes(32)])).ask("1/hello/1/web_push").token,
    "another purpose": Signer([bytes(range(32))]).sign("unsubscribe", ["1/hello/1/web_push"]),
    "no message": REPORTS.ask("7/hello/1/web_push").token,
}


async def test_who_did_not_get_the_message_tells_nothing(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    key = await add_push(db, ana)
    assert {name: await tell(api, token) for name, token in FORGED.items()} == dict.fromkeys(FORGED, 404)
    assert (await heard(db, ana), await status(db, key)) == ([], "sent")
    assert (key, await tell(api, REPORTS.ask(key).token)) == ("1/hello/1/web_push", 204)


async def test_a_token_speaks_for_its_own_message_only(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    one, other = await add_push(db, ana), await add_push(db, ana, step="again")
    assert await tell(api, REPORTS.ask(one).token) == 204
    assert (await status(db, one), await status(db, other)) == ("opened", "sent")


async def test_told_again_and_in_any_order_it_counts_once(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    token = REPORTS.ask(key := await add_push(db, ana)).token
    for event in ("opened", "delivered", "opened", "delivered"):
        assert await tell(api, token, event) == 204
    assert await heard(db, ana) == ["Web Push Opened", "Web Push Delivered"]
    assert await status(db, key) == "opened"


async def test_after_the_end_it_is_noted_and_nobody_hears(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    key = await add_push(db, ana)
    await db.pool.execute("UPDATE enrolments SET state = 'ended', outcome = 'completed', ended_at = $1", NOW)
    assert await tell(api, REPORTS.ask(key).token) == 204
    assert (await heard(db, ana), await status(db, key)) == ([], "opened")


async def test_a_report_proves_that_a_message_in_doubt_went_out(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    """Also where it was to be sent again, and the gate holds it: it is not sent any more."""
    keys = [await add_push(db, ana, step=was, status=was, reason="?") for was in ("unknown", "claimed", "held")]
    for key in keys:
        assert await tell(api, REPORTS.ask(key).token, "delivered") == 204
    assert [await status(db, key) for key in keys] == ["delivered"] * 3
    assert await heard(db, ana) == ["Web Push Delivered"] * 3
    never = await add_push(db, ana, step="never", status="held", attempt=0)
    assert (await tell(api, REPORTS.ask(never).token), await status(db, never)) == (204, "held")


async def test_nothing_else_can_be_told(api: httpx.AsyncClient, db: Database, ana: int) -> None:
    token = REPORTS.ask(await add_push(db, ana)).token
    assert [await tell(api, token, event) for event in ("clicked", "failed", "", None, 1)] == [422] * 5
    for body in (b"", b"[]", b"{", b"\xff", b'{"report": 1, "event": "opened"}'):
        answer = await api.post(PATH, content=body)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (422, "*")
    assert await heard(db, ana) == []


async def test_a_message_without_room_goes_out_and_is_not_reported_on(db: Database) -> None:
    browser, key = Browser(), "1/hello/1/web_push"
    subscription = address("web_push", {"web_push": browser.subscription()})
    told = browser.read(await sent_to(db, "web_push", key, subscription, "x" * 3_850))
    assert (len(told["body"]), "report" in told) == (3_850, False)
    data = json.loads(await sent_to(db, "push", key, TOKEN, "x" * 3_700))["message"]["data"]
    assert data == {"sojourn_key": key}


@pytest.mark.parametrize(
    ("public_url", "service", "is_asked"),
    [
        ("http://127.0.0.1:8000", None, False),
        ("http://127.0.0.1:8000", "http://localhost:1", True),
        (PUBLIC, None, True),
    ],
)
def test_devices_that_cannot_reach_us_are_asked_nothing(public_url: str, service: str | None, is_asked: bool) -> None:
    assert (push_reports(load_settings(public_url=public_url), service) is not None) == is_asked


async def test_what_is_pressed_in_the_sandbox_comes_as_a_device_would_tell_it(
    api: httpx.AsyncClient, db: Database, ana: int
) -> None:
    key, inbox = await add_push(db, ana), SandboxInbox(db)
    await SandboxChannel("web_push", "Sojourn", inbox, reports=REPORTS).send(
        Outgoing(key, "web_push", "{}", "s", "Your flat", "Guten Tag", None), within=5
    )
    for report in ("delivered", "opened", "opened"):
        shown = (await api.post(f"/sandbox/messages/1/{report}")).json()
    assert [event["report"] for event in shown["events"]] == ["delivered", "opened"]
    assert await heard(db, ana) == ["Web Push Delivered", "Web Push Opened"]
    rows = await db.pool.fetch("SELECT event_id FROM message_events ORDER BY id")
    assert [row["event_id"] for row in rows] == [f"push/{key}/delivered", f"push/{key}/opened"]
    assert "report" not in shown["details"]
