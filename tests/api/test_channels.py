"""Channels and their circuits, read and closed by the API."""

from store.circuits import AccountCircuitStore
from store.database import Database
from tests.api.reading import reading


async def test_a_circuit_is_shown_and_closed_by_hand(db: Database) -> None:
    circuits = AccountCircuitStore(db)
    await circuits.register({("email", "main"): "sendgrid", ("sms", "main"): "twilio", ("sms", "fallback"): "twilio"})
    await circuits.open("sms", "main", "twilio 20003: authentication failed")
    async with reading(db) as api:
        email, sms = (await api.get("/v1/channels")).json()["items"]
        assert [(it["account"], it["state"]) for it in sms["accounts"]] == [("main", "open"), ("fallback", "closed")]
        assert sms["accounts"][0]["reason"] == "twilio 20003: authentication failed"
        assert sms["accounts"][0]["next_probe_at"] > sms["accounts"][0]["since"]
        assert (email["accounts"][0]["provider"], email["held"]) == ("sendgrid", 0)
        other = await api.post("/v1/channels/sms/circuit/close", params={"account": "fallback"})
        assert other.json()["items"][0]["accounts"][0]["state"] == "open"
        [closed] = (await api.post("/v1/channels/sms/circuit/close")).json()["items"]
        assert [it["state"] for it in closed["accounts"]] == ["closed", "closed"]
        assert (await api.post("/v1/channels/pigeon/circuit/close")).status_code == 422
    assert await circuits.read() == []


async def test_channels_need_an_api_key(db: Database) -> None:
    async with reading(db) as api:
        api.headers.pop("Authorization")
        assert (await api.get("/v1/channels")).status_code == 401
        assert (await api.post("/v1/channels/sms/circuit/close")).status_code == 401
