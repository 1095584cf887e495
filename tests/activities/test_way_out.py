"""How messages show the way out, as the provider gets them, and whose consent lets them pass: decided in the claim."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from fastapi import FastAPI

from activities.channel import Outgoing
from activities.channels.email import EmailChannel, SendGridAccount
from language.customer_pages import CustomerPages, Whose
from language.gate import MessageGate
from language.message import Message
from language.policy import Policy
from language.port import Receipt, SendMessage
from language.sending import Claim, Claimed
from runtime.signing import Signer
from store.consents import Said, Wish, write_consents
from tests.sending import MESSAGES, NOW, Desk
from tests.serving import serving

HOUR = timedelta(hours=1)
PAGES = CustomerPages("https://shop.test", Signer([bytes(32)]))
LINE = "\nReply STOP to unsubscribe"


def order(desk: Desk, number: int, message: str = "offer", channel: str = "sms", **more: Any) -> SendMessage:
    at = NOW + number * HOUR
    return desk.order(channel, enrolment_id=number, at=at, **{"due_at": at, "message": message, **more})


async def claim(desk: Desk, send: SendMessage) -> Claim:
    message = Message.model_validate(MESSAGES[send.message])
    gate = MessageGate(send, message, "twilio", "+1", send.at, policy=desk.policy, offer=PAGES.offer)
    return await desk.ledger.claim(send, gate, now=send.at, call_window=timedelta(seconds=20), settle=timedelta())


async def text(desk: Desk, number: int, **more: Any) -> str:
    """What went out as this message."""
    if number > 1:
        await desk.enrol(number)
    claimed = await claim(desk, order(desk, number, **more))
    assert isinstance(claimed, Claimed), claimed
    return claimed.draft.text


async def report(desk: Desk, number: int, what: str) -> None:
    at = NOW + number * HOUR + HOUR / 2
    await desk.db.pool.execute(
        "INSERT INTO message_events (event_id, message_key, report, at, occurred_at)"
        " SELECT $1::text || key, key, $2, $3, $3 FROM messages WHERE enrolment_id = $4",
        f"{number}",
        what,
        at,
        number,
    )


async def test_after_two_promotional_messages_in_a_row_the_third_says_how_to_stop(desk: Desk) -> None:
    texts = [await text(desk, number) for number in range(1, 5)]
    assert texts == ["Half the price", "Half the price", f"Half the price{LINE}", f"Half the price{LINE}"]


async def test_another_message_or_any_notice_breaks_the_row(desk: Desk) -> None:
    ends = {}
    for number, breaks in enumerate(("receipt", "hello", "opened", "clicked", "answered", "nothing")):
        await desk.db.pool.execute("TRUNCATE messages, message_events")
        one, two, three, four = (number * 4 + place for place in range(1, 5))
        await text(desk, one)
        await text(desk, two)
        if breaks in MESSAGES:
            await text(desk, three, message=breaks, channel="email")
        elif breaks != "nothing":
            await report(desk, one, breaks)
        ends[breaks] = (await text(desk, four)).endswith(LINE)
    assert ends == dict.fromkeys(ends, False) | {"nothing": True}


async def test_what_breaks_no_row(desk: Desk) -> None:
    """A delivery, a notice before the row, and what never went out."""
    await text(desk, 1, message="receipt")
    await report(desk, 1, "clicked")
    await text(desk, 2)
    await text(desk, 3)
    await report(desk, 3, "delivered")
    await text(desk, 4, message="receipt")
    await desk.db.pool.execute("UPDATE messages SET status = 'failed' WHERE enrolment_id = 4")
    assert (await text(desk, 5)).endswith(LINE)


async def test_of_many_at_once_only_the_first_two_lack_the_line(desk: Desk) -> None:
    for number in range(2, 41):
        await desk.enrol(number)
    claims = await asyncio.gather(*(claim(desk, order(desk, number)) for number in range(1, 41)))
    endings = Counter(one.draft.text.endswith(LINE) for one in claims if isinstance(one, Claimed))
    assert endings == {False: 2, True: 38}


async def test_the_line_counts_in_parts_and_cost(desk: Desk) -> None:
    desk.policy = Policy.model_validate({"promotional_in_a_row": 1, "costs": {"sms": 0.01}})
    before = MESSAGES["offer"]["sms"]
    MESSAGES["offer"]["sms"] = "x" * 150
    try:
        await text(desk, 1)
        await desk.enrol(2)
        claimed = await claim(desk, order(desk, 2))
    finally:
        MESSAGES["offer"]["sms"] = before
    assert isinstance(claimed, Claimed)
    assert (claimed.draft.segments, float(claimed.draft.cost or 0)) == (2, 0.02)


async def test_mail_programs_get_their_button_and_people_their_links(desk: Desk) -> None:
    desk.offer = PAGES.offer
    whose = Whose(1, "email", "offers", "1/send_hello/1/email")
    leave, choose = PAGES.url("unsubscribe", whose), PAGES.url("preferences", whose)
    assert (await desk.send(desk.order("email", message="offer"))).verdict == "sent"
    headers = {"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    row = await desk.row("1/send_hello/1/email")

    assert row["content"] == {"headers": headers}
    assert f"Unsubscribe: {leave}" in row["body"]
    assert f'href="{leave}" clicktracking="off"' in row["html"]
    assert f'href="{choose}" clicktracking="off"' in row["html"]


async def test_the_headers_go_to_sendgrid_as_its_interface_wants_them() -> None:
    asked: list[dict[str, Any]] = []
    app = FastAPI()

    @app.post("/v3/mail/send", status_code=202)
    async def take(mail: dict[str, Any]) -> None:
        asked.append(mail)

    headers = PAGES.offer(Whose(1, "email", "offers")).headers
    async with serving(app) as url:
        channel = EmailChannel(SendGridAccount("key", "hello@example.com", url))
        for content in ({"headers": headers}, {}):
            outgoing = Outgoing("1/s/1/email", "email", "a@b.co", channel.sender, "S", "T", None, content)
            await channel.send(outgoing, within=5)
        await channel.close()
    assert [mail.get("headers") for mail in asked] == [headers, None]


async def test_a_topic_that_asks_for_it_needs_a_confirmed_consent(desk: Desk) -> None:
    desk.policy = Policy.model_validate({"topics": {"offers": {"title": "Offers", "double_opt_in": True}}})

    async def say(state: Any) -> None:
        wishes = [Wish("sms", "offers", state)]
        await write_consents(desk.db, lambda: NOW, 1, wishes, Said("test"), to_confirm=desk.policy.confirmed_topics)

    async def verdict(number: int) -> str | None:
        await desk.enrol(number)
        claimed = await claim(desk, order(desk, number))
        return claimed.reason if isinstance(claimed, Receipt) else None

    unconfirmed = "the customer's consent to the topic offers is not confirmed"
    assert await verdict(2) == unconfirmed
    await say("opted_in")
    assert await verdict(3) == unconfirmed
    await write_consents(desk.db, lambda: NOW, 1, [Wish("sms", "offers", "opted_in")], Said("page", is_confirmed=True))
    assert await verdict(4) is None
    await say("opted_out")
    assert await verdict(5) == "the customer has opted out of the topic offers by sms"
    await say("opted_in")
    assert await verdict(6) == "the customer has opted out of the topic offers by sms"


async def test_everything_off_leaves_transactional_messages_alone(desk: Desk) -> None:
    await write_consents(desk.db, lambda: NOW, 1, [Wish(None, "*", "opted_out")], Said("preference page"))
    refused = [await claim(desk, order(desk, 1, message=name, channel="email")) for name in ("hello",)]
    assert [getattr(one, "reason", None) for one in refused] == ["the customer has opted out of all topics"]
    assert await text(desk, 2, message="receipt") == "Paid"
