"""One byte of a signed webhook is changed, lost or doubled: it is refused, or says nothing that was not said."""

from collections.abc import Iterator
from urllib.parse import urlencode

import orjson
from twilio.request_validator import SIGNATURE_HEADER

from api.sandbox.signing import as_sendgrid
from api.webhooks.app import INBOUND, STATUS
from store.database import Database
from tests.api.telling import KEY, PHONE, PUBLIC, add_customer, add_sent, event, providers, reports_of, sign, status_of

FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
REPORT = {"AccountSid": "AC1", "ErrorCode": "", "MessageSid": "SM1", "MessageStatus": "delivered", "To": PHONE}
STOP = {"Body": "STOP", "From": PHONE, "MessageSid": "SM7", "To": "+15005550006"}
SEPARATORS = b"=&"


def mangled(body: bytes) -> Iterator[bytes]:
    """Each byte another, gone, doubled, and changed places with the next; what separates fields at every place."""
    for at in range(len(body)):
        head, byte, tail = body[:at], body[at : at + 1], body[at + 1 :]
        yield head + bytes([byte[0] ^ 1]) + tail
        yield head + tail
        yield head + byte + byte + tail
        yield head + tail[:1] + byte + tail[1:]
        yield from (head + bytes([it]) + byte + tail for it in SEPARATORS)


async def test_a_status_is_believed_as_it_was_signed_or_not_at_all(db: Database) -> None:
    """Twilio signs names and values without what separates them, so some of these still bear its signature: fields that
    mean nothing then."""
    key = await add_sent(db, await add_customer(db))
    path = f"{STATUS}?key={key.replace('/', '%2F')}"
    headers = FORM_HEADERS | {SIGNATURE_HEADER: sign(PUBLIC + path, REPORT)}
    body, answers = urlencode(REPORT).encode(), set()
    async with providers(db) as play:
        for other in sorted(mangled(body), key=lambda it: b"MessageStatus=delivered" in it):
            answer = await play.http.post(path, content=other, headers=headers)
            answers.add(answer.status_code)
            if answer.status_code == 403 or b"MessageStatus=delivered" in other:
                continue
            assert (await status_of(db, key), await reports_of(db, key)) == ("sent", []), other
    assert answers == {204, 403}
    assert await reports_of(db, key) in ([], ["delivered"])
    assert await db.pool.fetchval("SELECT count(*) FROM suppressions") == 0


async def test_what_a_customer_wrote_is_heard_as_it_was_signed_or_not_at_all(db: Database) -> None:
    customer = await add_customer(db)
    headers = FORM_HEADERS | {SIGNATURE_HEADER: sign(PUBLIC + INBOUND, STOP)}
    signed = urlencode(STOP).encode()
    async with providers(db) as play:
        answers = {(await play.http.post(INBOUND, content=it, headers=headers)).status_code for it in mangled(signed)}
    assert answers <= {200, 403}
    assert 403 in answers
    stopped = await db.pool.fetch("SELECT DISTINCT channel, address FROM suppressions")
    assert [tuple(row) for row in stopped] in ([], [("sms", PHONE)])
    assert await db.pool.fetchval("SELECT count(*) FROM consents WHERE customer_id <> $1", customer) == 0


async def test_events_are_believed_to_the_letter(db: Database) -> None:
    key = await add_sent(db, await add_customer(db), "email")
    body = orjson.dumps([event("bounce", key, type="bounce")])
    headers = as_sendgrid(KEY, body)
    async with providers(db) as play:
        for other in {body[:at] + body[at + 1 :] for at in range(len(body))} | {body + b" ", b" " + body, b""}:
            if other != body:
                assert (await play.post_events(other, headers)).status_code == 403, other
    assert (await status_of(db, key), await reports_of(db, key)) == ("sent", [])
    assert await db.pool.fetchval("SELECT count(*) FROM suppressions") == 0
