"""The way out as texts show it, what a choice on the preference page means, and both in the simulator."""

from typing import Any

import pytest

from language.channel import Channel
from language.consent import objection
from language.customer_pages import CustomerPages, Whose
from language.library import read_library
from language.message import Message
from language.opt_out_offer import OptOutOffer, opt_out_line, says_how
from language.policy import Policy
from language.preferences import Cell, Choices, Word
from language.rendering import Rendered, render
from language.segments import count_segments
from language.sending import Consent
from language.simulator import simulate
from runtime.signing import Signer

LEAVE, CHOOSE = "https://x.test/unsubscribe/a.b", "https://x.test/preferences/a.b"
OFFER = OptOutOffer(LEAVE, CHOOSE, is_one_click=True)
MJML = "<mjml><mj-body><mj-section><mj-column><mj-text>Half</mj-text></mj-column></mj-section></mj-body></mjml>"
TOPICS = {"news": {"title": "News", "double_opt_in": True, "channels": "email"}, "offers": {"title": "Offers"}}
POLICY = Policy.model_validate({"topics": TOPICS})
REACHED = {"email": "a@b.co", "phone": "+15005550001"}


def mail(class_: str = "promotional", locale: str | None = None, **email: str) -> Rendered:
    written = {"message": "m", "class": class_, "topic": "offers", "email": {"subject": "S", **email}}
    if locale:
        written |= {"locale": locale}
    return say(Message.model_validate(written), "email")


def say(message: Message, channel: Channel, words: Any = None) -> Rendered:
    link = lambda url: f"{url}?tracked"  # noqa: E731
    scope: dict[str, Any] = {}
    return render(
        message, channel, scope=scope, locale=None, time_zone="UTC", link=link, offer=OFFER, opt_out_words=words
    )


def sms(text: str, locale: str = "en", words: Any = None) -> Rendered:
    written = {"message": "m", "class": "promotional", "topic": "offers", "locale": locale, "sms": text}
    return say(Message.model_validate(written), "sms", words)


# --- e-mail


@pytest.mark.parametrize("body", [{"body": "Half"}, {"mjml": MJML}, {"html": "<p>Half</p>"}])
def test_a_promotional_mail_shows_the_way_out_by_itself(body: dict[str, str]) -> None:
    rendered = mail(**body)
    assert rendered.html is not None
    assert rendered.html.count(f'href="{LEAVE}" clicktracking="off"') == 1
    assert rendered.html.count(f'href="{CHOOSE}" clicktracking="off"') == 1
    assert f"Unsubscribe: {LEAVE}" in rendered.text
    assert rendered.html.index(LEAVE) < (rendered.html.lower().rfind("</body>") % 10**9)


def test_who_shows_it_gets_no_second_one_and_is_not_tracked() -> None:
    rendered = mail(body="[Leave]({{ unsubscribe_url | link }}) or [see]({{ 'https://x.test/' | link }})")
    assert rendered.html is not None
    assert rendered.html.count(LEAVE) == 1
    assert "/?tracked" in rendered.html
    assert CHOOSE not in rendered.html


def test_the_foot_speaks_the_texts_language() -> None:
    assert "Отписаться: " in mail(locale="ru", body="Скидка").text
    assert "Cancelar inscrição: " in mail(locale="pt-BR", body="Oferta").text
    assert "Unsubscribe: " in mail(locale="fi", body="Tarjous").text


@pytest.mark.parametrize(("class_", "headers"), [("promotional", True), ("service", True), ("transactional", False)])
def test_all_but_transactional_mails_bear_the_headers(class_: str, headers: bool) -> None:
    rendered = mail(class_, body="[x]({{ preferences_url }})")
    assert rendered.content == ({"headers": OFFER.headers} if headers else {})


@pytest.mark.parametrize(
    ("url", "topic", "is_one_click"),
    [
        ("https://x.test", "offers", True),
        ("http://127.0.0.1:8000", "offers", True),
        ("http://x.test", "offers", False),
        ("https://x.test", None, False),
    ],
)
def test_one_click_needs_a_safe_address_and_a_topic(url: str, topic: str | None, is_one_click: bool) -> None:
    pages = CustomerPages(url, Signer([bytes(32)]))
    whose = Whose(7, "email", topic, "1/s/1/email")
    offer = pages.offer(whose)
    assert offer.is_one_click == is_one_click
    assert pages.read("unsubscribe", offer.unsubscribe_url.rpartition("/")[2]) == whose
    assert bool(offer.headers) == is_one_click


# --- the line of an SMS


def test_the_line_is_in_the_texts_language_with_the_policys_word() -> None:
    words = {"ru": ("отказ", "стоп"), "fi": ("lopeta",)}
    assert opt_out_line("ru", words) == "Отписаться: ответьте ОТКАЗ"
    assert opt_out_line("pt-BR", {}) == "Para sair, responda SAIR"
    assert opt_out_line("fi", words) == "Reply STOP to unsubscribe"
    assert sms("Half", words={}).text == "Half\nReply STOP to unsubscribe"
    assert sms("Half").text == "Half"


@pytest.mark.parametrize(
    ("text", "says"),
    [("Reply STOP", True), ("non-stop party", False), ("Ответьте стоп", True), ("Стопка книг", False), ("Half", False)],
)
def test_what_says_how_to_stop_gets_no_line(text: str, says: bool) -> None:
    words = {"ru": ("стоп",)}
    assert says_how(text, words) == says
    assert (sms(text, words=words).text == text) == says


def test_the_line_counts_as_part_of_the_sms() -> None:
    rendered = sms("x" * 150, words={})
    assert rendered.segments == count_segments(rendered.text) == 2


def test_a_free_whatsapp_text_gets_the_line_a_template_cannot() -> None:
    head = {"message": "m", "class": "promotional", "topic": "offers"}
    part = {"content_sid": "HX" + "0" * 32, "text": "Half"}
    free = say(Message.model_validate({**head, "whatsapp": part}), "whatsapp", {})
    template = say(Message.model_validate({**head, "whatsapp": {"content_sid": part["content_sid"]}}), "whatsapp", {})
    assert free.content["text"].endswith("\nReply STOP to unsubscribe")
    assert "STOP" not in template.text


# --- consent


@pytest.mark.parametrize(
    ("consents", "class_", "topic", "reason"),
    [
        ([(None, "*", "opted_out")], "transactional", "offers", None),
        ([(None, "*", "opted_out")], "service", None, "opted out of all topics"),
        ([("email", "*", "opted_out")], "promotional", "offers", "opted out of all topics by email"),
        ([("sms", "*", "opted_out")], "promotional", "offers", None),
        ([], "promotional", "news", "consent to the topic news is not confirmed"),
        ([], "service", "news", None),
        ([("sms", "news", "opted_in")], "promotional", "news", "not confirmed"),
        ([(None, None, "opted_in")], "promotional", "news", "not confirmed"),
        ([(None, "news", "opted_in")], "promotional", "news", None),
        ([(None, "news", "opted_in"), ("email", None, "opted_out")], "promotional", "news", "opted out of everything"),
    ],
)
def test_whose_word_lets_a_message_pass(consents: Any, class_: str, topic: str | None, reason: str | None) -> None:
    refusal = objection(tuple(Consent(*one) for one in consents), class_, topic, "email", POLICY)
    assert (refusal is None) == (reason is None)
    assert refusal is None or (reason or "") in refusal.reason


# --- the choice


def choices(*consents: tuple[str | None, str | None, str], pending: Any = ()) -> Choices:
    return Choices.of(POLICY, REACHED, tuple(Consent(*one) for one in consents), pending)


NEWS, MAIL, SMS = Cell("news", "email"), Cell("offers", "email"), Cell("offers", "sms")


def test_only_channels_that_reach_the_customer_are_shown() -> None:
    assert {cell.channel for cell in choices().shown} == {"email", "sms", "whatsapp", "voice"}
    assert choices().cells("news") == (NEWS,)
    assert Choices.of(POLICY, {}, ()).shown == ()


@pytest.mark.parametrize(
    ("said", "wanted", "words"),
    [
        ((), {MAIL, SMS}, []),
        ((), {MAIL}, [Word("sms", "offers", "opted_out")]),
        ((("sms", "offers", "opted_out"),), {MAIL, SMS}, [Word("sms", "offers", "opted_in")]),
        ((), {MAIL, SMS, NEWS}, [Word("email", "news", "opted_in")]),
        ((("email", "news", "opted_in"),), {MAIL, SMS}, [Word("email", "news", "opted_out")]),
        (((None, "*", "opted_out"),), set(), []),
        (
            ((None, "offers", "opted_out"),),
            {SMS},
            [Word(None, "offers", "opted_in"), Word("email", "offers", "opted_out")],
        ),
    ],
)
def test_only_what_changes_is_written(said: Any, wanted: set[Cell], words: list[Word]) -> None:
    before = choices(*said)
    assert before.saving(wanted, {NEWS, MAIL, SMS}, ()) == words
    latest = {(one.channel, one.topic): one for one in (*before.consents, *(Consent(*word) for word in words))}
    after = choices(*latest.values())
    assert {cell for cell in (NEWS, MAIL, SMS) if after.is_on(cell)} == wanted


def test_what_waits_for_its_confirmation_is_left_waiting() -> None:
    waiting = choices(pending=[("email", "news")])
    assert waiting.is_pending(NEWS)
    assert waiting.saving({NEWS}, {NEWS}, ()) == []
    assert waiting.saving(set(), {NEWS}, ()) == [Word("email", "news", "opted_out")]


def test_a_channel_comes_again_from_a_global_refusal_too() -> None:
    stopped = choices((None, None, "opted_out"), ("email", None, "opted_out"))
    assert stopped.is_stopped("sms")
    assert stopped.saving(set(), set(), ["email"]) == [Word(None, None, "opted_in"), Word("email", None, "opted_in")]


# --- the simulator


def play(consents: str, given: str, steps: str = "  - {send: offer, via: sms}\n") -> list[str]:
    customer = f"customer: {{traits: {{phone: '+15005550001'}}, consents: [{consents}]}}\n"
    files = {
        "j.yaml": f"journey: j\ntitle: J\nstart: [{{on: Go}}, {{on: Consent Given}}]\nagain: always\nsteps:\n{steps}",
        "messages/offer.yaml": "message: offer\nclass: promotional\ntopic: offers\nsms: Half\n",
        "policy.yaml": "topics: {offers: {title: Offers, double_opt_in: true}}\n",
        "scenarios/s.yaml": f"scenario: s\njourney: j\n{customer}given: [{given}]\n",
    }
    library = read_library(files)
    assert not library.errors, library.errors
    told = simulate(library, library.scenarios["scenarios/s.yaml"])
    return [it.text or it.why or "" for it in told if it.kind in ("sent", "not_sent")]


GIVEN = "{topic: offers, state: opted_in}"


def test_the_simulator_knows_consents_and_counts_in_a_row() -> None:
    assert play("", "{at: 0d, on: Go}") == ["the customer's consent to the topic offers is not confirmed"]
    assert play("", "{at: 0d, consent: {topic: offers, state: opted_in}}") == ["Half"]
    withdrawn = "{at: 0d, consent: {topic: offers, state: opted_out}}, {at: 1d, on: Go}"
    assert play(GIVEN, withdrawn) == ["the customer has opted out of the topic offers"]
    go = [f"{{at: {day}d, on: Go}}" for day in range(3)]
    assert play(GIVEN, ", ".join(go)) == ["Half", "Half", "Half\nReply STOP to unsubscribe"]
    clicked = [*go[:2], "{at: 1d 1h, clicked: offer}", go[2]]
    assert play(GIVEN, ", ".join(clicked)) == ["Half", "Half", "Half"]


def test_what_nobody_can_choose_is_pointed_out() -> None:
    files = {
        "messages/offer.yaml": "message: offer\nclass: service\ntopic: ofers\nsms: Half\n",
        "messages/code.yaml": "message: code\nclass: transactional\ntopic: codes\nsms: '1'\n",
        "policy.yaml": "topics: {offers: {title: Offers}}\n",
    }
    [found] = [it for it in read_library(files).findings if it.code == "unlisted-topic"]
    assert (found.file, found.severity) == ("messages/offer.yaml", "warning")
    assert "offers" in found.remedy
