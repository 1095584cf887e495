"""Whatever is wrong with one thing that a provider says, or with PostgreSQL: nothing else is lost."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from twilio.request_validator import SIGNATURE_HEADER

from api.webhooks.app import INBOUND
from store.database import Database
from store.sandbox import SandboxAccount
from tests.api.telling import Providers, add_customer, add_sent, event, providers, reports_of, sign, status_of
from tests.sending import PHONE, Desk, desk_at

POISON = """
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW::text LIKE '%poison%' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
CREATE TRIGGER poison BEFORE INSERT ON message_events FOR EACH ROW EXECUTE FUNCTION poison();
CREATE TRIGGER poison BEFORE INSERT ON suppressions FOR EACH ROW EXECUTE FUNCTION poison();
"""


@pytest.fixture
async def play(db: Database) -> AsyncIterator[Providers]:
    async with providers(db) as play:
        yield play


async def test_what_cannot_be_stored_hinders_nothing_else(db: Database, play: Providers) -> None:
    customer = await add_customer(db)
    keys = [await add_sent(db, customer, "email") for _ in range(5)]
    batch = [event("open", key) for key in keys] + [event("click", keys[2], url="poison", id="bad")]
    batch += [event("bounce", keys[0], type="bounce", email=f"{name}@example.com", id=name) for name in ("poison", "b")]
    await db.pool.execute(POISON)
    refused = await play.sendgrid(*batch)
    assert (refused.status_code, refused.headers["content-type"]) == (500, "application/problem+json")
    assert [await status_of(db, key) for key in keys] == ["opened"] * 5
    assert await db.pool.fetchval("SELECT array_agg(address) FROM suppressions") == ["b@example.com"]
    await db.pool.execute("DROP TRIGGER poison ON message_events; DROP TRIGGER poison ON suppressions")
    assert (await play.sendgrid(*batch)).status_code == 204
    assert await reports_of(db, keys[2]) == ["opened", "clicked"]
    assert await db.pool.fetchval("SELECT count(*) FROM suppressions") == 2


@pytest.mark.parametrize("what", ["reports", "words", "inbound"])
async def test_providers_come_again_when_postgresql_is_away(db: Database, what: str) -> None:
    away = await Database.open(db.url)
    async with providers(db) as play:
        parts: Any = play.http._transport.app.state.parts  # type: ignore[attr-defined]
        play.http._transport.app.state.parts = SimpleNamespace(**{**vars(parts), "db": away})  # type: ignore[attr-defined]
        await away.close()
        match what:
            case "reports":
                answer = await play.status("delivered", key="1/hello/1/sms")
            case "words":
                answer = await play.sendgrid(event("unsubscribe"))
            case _:
                answer = await play.inbound("Hello")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


@pytest.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    async with desk_at(db, call_timeout=3) as desk:
        yield desk


async def test_marker_that_comes_back_spares_the_look_up(db: Database, desk: Desk) -> None:
    """The worker died between the call and its record; Twilio's first status tells what it did not live to tell."""
    order = desk.order()
    await desk.die(order, "worker.called")
    async with providers(db) as play:
        assert (await play.status("queued", sid="SM77", key=order.key, To=PHONE)).status_code == 204
    looks = desk.provider.looks
    receipt = await desk.send(order, first=2)
    assert (receipt.verdict, desk.provider.calls, desk.provider.looks) == ("sent", 1, looks)
    assert (await desk.row())["provider_id"] == "SM77"


async def test_whole_api_takes_a_reply(database_url: str, db: Database, api_address: str) -> None:
    """Over HTTP, to an API as it is started, signed as the sandbox signs."""
    customer = await add_customer(db)
    key = await add_sent(db, customer)
    form = {"MessageSid": "SM5", "From": "+4915112345678", "To": "+15005550006", "Body": "Fine"}
    token = SandboxAccount.of(database_url).auth_token
    headers = {SIGNATURE_HEADER: sign(f"http://127.0.0.1:8000{INBOUND}", form, token)}
    async with httpx.AsyncClient(base_url=api_address) as http:
        assert (await http.post(INBOUND, data=form, headers=headers)).status_code == 200
        assert (await http.post(INBOUND, data=form, headers={})).status_code == 403
        counted = (await http.get("/metrics")).text
    assert await status_of(db, key) == "answered"
    assert 'sojourn_webhook_reports_total{provider="twilio",result="taken"}' in counted
    assert 'sojourn_webhooks_refused_total{flaw="no signature",provider="twilio"}' in counted
