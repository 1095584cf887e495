"""Tracked links are kept by the transaction that claims their message, and stand in all that the customer sees."""

from datetime import timedelta
from typing import Any

import pytest

from activities.channel import Outgoing
from activities.channels.email import _mail
from language.gate import MessageGate
from language.message import Message
from language.sending import Claim, Claimed, Draft, Result
from language.sms_length import most_segments
from language.tracked_links import USUAL_LENGTH, TrackedLinks
from store.links import LinkRecord, find_link, new_token
from tests.sending import NOW, Desk

LINKS = TrackedLinks("https://go.test/", new_token)
TEXT = "[See]({{ 'https://shop.test/a b?c=1&d=б' | link }}) or [all]({{ 'https://shop.test' | link }})"


def written(**texts: Any) -> Message:
    return Message.model_validate({"message": "hello", "class": "service", "topic": "news", **texts})


async def claim(desk: Desk, message: Message, channel: str = "sms", **changes: Any) -> Claim:
    order = desk.order(channel, **changes)
    gate = MessageGate(order, message, "twilio", "+1", NOW, LINKS.make)
    return await desk.ledger.claim(
        order, gate, now=NOW, call_window=timedelta(seconds=20), settle=timedelta(), not_accepted=1
    )


async def draft(desk: Desk, message: Message, channel: str = "sms") -> Draft:
    claimed = await claim(desk, message, channel)
    assert isinstance(claimed, Claimed)
    return claimed.draft


async def rows(desk: Desk) -> list[Any]:
    return list(await desk.db.pool.fetch("SELECT * FROM links"))


async def test_each_place_has_a_link_of_its_own_in_both_parts_of_a_mail(desk: Desk) -> None:
    mail = await draft(desk, written(email={"subject": "Hi", "body": TEXT}), "email")
    assert [link.url for link in mail.links] == ["https://shop.test/a%20b?c=1&d=б", "https://shop.test"]
    for link in mail.links:
        assert link.address == f"https://go.test/l/{link.token}"
        assert [link.address in part for part in (mail.text, mail.html or "")] == [True, True]
        token = str(link.token)
        assert await find_link(desk.db, token) == LinkRecord(token, "1/send_hello/1/email", link.url, 1)


async def test_nothing_is_kept_of_what_is_not_claimed(desk: Desk) -> None:
    message = written(sms="{{ 'https://shop.test' | link }} {{ profile.nothing }}")
    assert not isinstance(await claim(desk, message), Claimed)
    assert await rows(desk) == []


async def test_a_claim_that_was_released_makes_new_links_and_the_old_ones_work(desk: Desk) -> None:
    message = written(sms="{{ 'https://shop.test' | link }}")
    first = await draft(desk, message)
    await desk.ledger.record(desk.order(), 1, Result("released", "no connection"), now=NOW)
    second = await draft(desk, message)
    assert first.text != second.text
    assert {row["token"] for row in await rows(desk)} == {first.links[0].token, second.links[0].token}


async def test_a_lost_answer_is_looked_up_with_the_same_text(desk: Desk) -> None:
    first = await draft(desk, written(sms="{{ 'https://shop.test' | link }}"))
    assert (await desk.row())["body"] == first.text == first.links[0].address


async def test_other_channels_have_links_too(desk: Desk) -> None:
    sid, show = "HX" + "0" * 32, "{{ 'https://shop.test' | link }}"
    chat = await draft(desk, written(whatsapp={"content_sid": sid, "variables": {"1": show}, "text": show}), "whatsapp")
    assert [chat.content["variables"]["1"], chat.content["text"]] == [link.address for link in chat.links]


@pytest.mark.parametrize("content", [{}, {"has_tracked_links": True}])
def test_sendgrid_tells_of_clicks_only_where_we_do_not(content: dict[str, Any]) -> None:
    outgoing = Outgoing("k", "email", "ana@example.com", "hello@example.com", "Hi", "Text", "<p>Text</p>", content)
    tracking = _mail(outgoing)["tracking_settings"]
    assert tracking["click_tracking"] == {"enable": not content, "enable_text": False}
    assert tracking["open_tracking"] == {"enable": True}


async def test_links_that_lead_nowhere_are_not_kept(desk: Desk) -> None:
    message, order = written(sms="{{ 'https://shop.test' | link }}" * 2), desk.order()
    gate = MessageGate(order, message, "twilio", "+1", NOW)
    claimed = await desk.ledger.claim(order, gate, now=NOW, call_window=timedelta(seconds=20), settle=timedelta())
    assert isinstance(claimed, Claimed)
    assert len(claimed.draft.text) == 2 * USUAL_LENGTH
    assert await rows(desk) == []


def test_tokens_are_short_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(2000)}
    assert len(tokens) == 2000
    assert all(len(token) == 11 and token.isalnum() and token.isascii() for token in tokens)


def test_the_checker_counts_links_by_their_length() -> None:
    fits = "a" * (160 - USUAL_LENGTH)
    counted = [most_segments(f"{text}{{{{ 'https://shop.test/{'x' * 99}' | link }}}}") for text in (fits, f"{fits}a")]
    assert counted == [1, 2]
