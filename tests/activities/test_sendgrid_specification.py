"""What the e-mail channel asks of SendGrid, held against its own specification; and what our stand-ins answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from activities.channel import Outgoing
from activities.channels.email import EmailChannel, SendGridAccount
from api.sandbox.sendgrid import details, read, summary
from language.customer_pages import CustomerPages, Whose
from language.message import Message
from language.rendering import render
from runtime.signing import Signer
from scripts.provider import API_KEY, Provider
from tests.activities.sendgrid_specification import faults_of_answer, faults_of_request

TO = "o'hara+ünï@example.com"
SENDER = '"Ana \\"A\\" Groß, Flats & <Co>; 👋" <hello@example.com>'
ODD = "Grüße 👩\u200d💻 שלום مرحبا e\u0301 \"<>&;,' \\ %0A {{1}} -name-" + "x" * 1200
VALUES = {"profile": {"name": ODD, "crafty": "a\0b\r\nBcc: c@example.com\u202e\ud83d"}}
PAGES = CustomerPages("https://us.example", Signer([bytes(32)]))
SEND, FIND, SHOW = "POST /v3/mail/send", "POST /v3/logs", "GET /v3/logs/{sg_message_id}"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as provider:
        yield provider


@pytest.fixture
async def email(provider: Provider) -> AsyncIterator[EmailChannel]:
    channel = EmailChannel(SendGridAccount(API_KEY, SENDER, provider.url, settle=timedelta(0)))
    yield channel
    await channel.close()


def outgoing(message_class: str = "promotional", **content: Any) -> Outgoing:
    """A mail with all that values can bring, as it is rendered for a customer who may leave."""
    mail = {"subject": "To {{ profile.name }}", "preheader": "{{ profile.crafty }}", "body": "# {{ profile.name }}"}
    message = Message.model_validate({"message": "hi", "class": message_class, "topic": "news", "email": mail})
    offer = PAGES.offer(Whose(1, "email", "news", "hi"))
    made = render(message, "email", scope=VALUES, locale="en", time_zone="UTC", offer=offer)
    more = {**made.content, **content}
    return Outgoing("7/a step/1/email", "email", TO, SENDER, made.subject, made.text, made.html, more)


@pytest.mark.parametrize("message_class", ["promotional", "service", "transactional"])
@pytest.mark.parametrize("content", [{}, {"has_tracked_links": True}])
async def test_sendgrid_would_understand(
    provider: Provider, email: EmailChannel, message_class: str, content: dict[str, Any]
) -> None:
    mail = outgoing(message_class, **content)
    await email.send(mail, within=5)
    [(_, body)] = provider.asked_of_sendgrid
    assert faults_of_request(SEND, body) == []
    assert body["personalizations"] == [{"to": [{"email": TO}], "custom_args": {"sojourn_key": mail.key}}]
    assert ("List-Unsubscribe-Post" in body.get("headers", {})) is (message_class != "transactional")
    assert body["tracking_settings"]["click_tracking"]["enable"] is not bool(content)


async def test_odd_characters_arrive_as_they_were_written(provider: Provider, email: EmailChannel) -> None:
    mail = outgoing()
    await email.send(mail, within=5)
    [(_, body)] = provider.asked_of_sendgrid
    assert body["from"] == {"email": "hello@example.com", "name": 'Ana "A" Groß, Flats & <Co>; 👋'}
    assert body["subject"] == f"To {ODD}"
    plain, page = body["content"]
    assert (plain["type"], page["type"]) == ("text/plain", "text/html")
    assert (plain["value"], page["value"]) == (mail.text, mail.html)
    assert plain["value"].startswith(ODD)
    # What is no character of a text, or turns others around, is left out; a line break adds no header.
    assert "ab Bcc: c@example.com" in page["value"]


async def test_sendgrid_would_find(provider: Provider, email: EmailChannel) -> None:
    began = datetime.now(UTC)
    accepted = await email.send(outgoing(), within=5)
    found = await email.look_up(outgoing(), since=began)
    assert (found.provider_ids, found.is_proof) == ((accepted.provider_id,), True)
    path, body = provider.asked_of_sendgrid[-1]
    assert (path, faults_of_request(FIND, body)) == ("/v3/logs", [])
    async with httpx.AsyncClient(base_url=provider.url) as http:
        listed = await http.post("/v3/logs", json=body)
        shown = await http.get(f"/v3/logs/{listed.json()['messages'][0]['sg_message_id']}")
        missing = await http.get("/v3/logs/other")
    assert faults_of_answer(FIND, 200, listed.json()) == []
    assert faults_of_answer(SHOW, 200, shown.json()) == []
    assert faults_of_answer(SHOW, 404, missing.json()) == []


def test_specification_knows_what_is_wrong() -> None:
    mail: dict[str, Any] = {
        "personalizations": [{"to": [{"email": TO}]}],
        "from": {"email": "hello@example.com"},
        "content": [{"type": "text/plain", "value": "Hi"}],
    }
    assert faults_of_request(SEND, mail) == []
    assert faults_of_request(SEND, {**mail, "from": {"name": "Ana"}}) != []
    assert faults_of_request(SEND, {**mail, "subject": ""}) != []
    assert faults_of_request(SEND, {**mail, "content": [{"type": "text/plain", "value": ""}]}) != []
    assert faults_of_request(SEND, {**mail, "tracking_settings": {"clicks": {}}}) != []
    assert faults_of_request(FIND, {"query": "x", "limit": 1001}) != []
    assert faults_of_answer(SEND, 202, {}) != []


async def test_sandbox_shows_mails_as_sendgrid_does(provider: Provider, email: EmailChannel) -> None:
    await email.send(outgoing(), within=5)
    [(_, body)] = provider.asked_of_sendgrid
    [message] = read(body, "0123456789abcdef")
    assert faults_of_answer(FIND, 200, {"messages": [summary(message)]}) == []
    assert faults_of_answer(SHOW, 200, details(message)) == []
    assert (message.subject, message.recipient) == (body["subject"], TO)
