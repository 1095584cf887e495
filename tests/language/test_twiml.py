"""What a call says, in Twilio's language for it."""

from typing import Any
from xml.etree.ElementTree import canonicalize, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import Gather, VoiceResponse

from language.twiml import call_script, hang_up, thanks, voice_language

CALL: dict[str, Any] = {"say": "Hello", "language": "en-GB", "machine": "hang_up", "timeout": 25}


def test_says_the_text_in_its_language() -> None:
    assert call_script(CALL) == (
        '<?xml version="1.0" encoding="UTF-8"?><Response><Say language="en-GB">Hello</Say></Response>'
    )


@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    [say] = fromstring(call_script({**CALL, "say": f"a{text}z"}))
    assert (say.text or "")[0] + (say.text or "")[-1] == "az"
    assert len(say) == 0


def test_long_text_is_said_in_pieces_and_whole() -> None:
    """Of letters that take two bytes each, one `Say` holds half as many."""
    text = " ".join(["Здравствуйте,", "👋", "עולם"] * 300)
    said = [say.text or "" for say in fromstring(call_script({**CALL, "say": text}))]
    assert " ".join(said) == text
    assert len(said) > 1
    assert max(len(piece.encode()) for piece in said) <= 4000


@pytest.mark.parametrize("details", [{}, {"nothing": "We shall write"}, {"digits": 4, "timeout": 60}])
def test_question_is_what_twilios_own_library_would_write(details: dict[str, Any]) -> None:
    gather = {"digits": 1, "timeout": 5, **details}
    told_to = "https://us.example/webhooks/twilio/digits?key=7%2Fask%2F1%2Fvoice&x=1"
    wanted = VoiceResponse()
    asking = Gather(action=told_to, method="POST", input="dtmf", num_digits=gather["digits"], timeout=gather["timeout"])
    asking.say("Press 1 & <hold>", language="en-GB")
    wanted.append(asking)
    if "nothing" in gather:
        wanted.say(gather["nothing"], language="en-GB")
    script = call_script({**CALL, "say": "Press 1 & <hold>", "gather": gather}, "human", told_to)
    assert canonicalize(script) == canonicalize(str(wanted))


def test_text_that_looks_like_a_script_is_said() -> None:
    wicked = "</Say><Dial>+15005550001</Dial><Say>"
    [say] = fromstring(call_script({**CALL, "say": wicked}))
    assert (say.tag, say.text) == ("Say", wicked)


@pytest.mark.parametrize(
    ("answered_by", "machine", "verb"),
    [
        ("human", "hang_up", "Say"),
        ("unknown", "hang_up", "Say"),
        ("machine_start", "hang_up", "Hangup"),
        ("machine_end_other", "hang_up", "Hangup"),
        ("machine_end_beep", "leave_message", "Say"),
        ("fax", "leave_message", "Hangup"),
    ],
)
def test_who_answers_decides(answered_by: str, machine: str, verb: str) -> None:
    [only] = fromstring(call_script({**CALL, "machine": machine}, answered_by))
    assert only.tag == verb


def test_recording_is_played_instead() -> None:
    [play] = fromstring(call_script({**CALL, "play": "https://a.example/?a=1&b=2"}))
    assert (play.tag, play.text) == ("Play", "https://a.example/?a=1&b=2")


def test_nothing_to_say_is_hanging_up() -> None:
    assert [verb.tag for verb in fromstring(hang_up())] == ["Hangup"]


@pytest.mark.parametrize(
    ("tag", "voice"),
    [
        ("pt", "pt-BR"),
        ("EN", "en-US"),
        ("pt-PT", "pt-PT"),
        ("zh-Hant-TW", "zh-TW"),
        ("es-419", "es-MX"),
        ("fr-001", "fr-FR"),
        ("xx", "xx"),
    ],
)
def test_voice_speaks_the_language_of_a_country(tag: str, voice: str) -> None:
    assert voice_language(tag) == voice


DIGITS_TO = "https://us.example/digits?key=7%2Fcall"
ASKS = {**CALL, "gather": {"digits": 2, "timeout": 7, "thanks": "Bye", "nothing": "Pity"}}


def test_person_is_asked_for_digits_and_told_what_follows_without() -> None:
    gather, nothing = fromstring(call_script(ASKS, "human", DIGITS_TO))
    assert gather.attrib == {
        "action": DIGITS_TO,
        "method": "POST",
        "input": "dtmf",
        "numDigits": "2",
        "timeout": "7",
    }
    assert [(verb.tag, verb.text) for verb in (*gather, nothing)] == [("Say", "Hello"), ("Say", "Pity")]


@pytest.mark.parametrize("answered_by", ["machine_end_beep", "machine_start"])
def test_machine_is_asked_for_nothing(answered_by: str) -> None:
    [say] = fromstring(call_script({**ASKS, "machine": "leave_message"}, answered_by, DIGITS_TO))
    assert (say.tag, say.text) == ("Say", "Hello")
    [hang_up] = fromstring(call_script(ASKS, answered_by, DIGITS_TO))
    assert hang_up.tag == "Hangup"


def test_last_words_after_the_digits() -> None:
    assert [(verb.tag, verb.text) for verb in fromstring(thanks(ASKS))] == [("Say", "Bye"), ("Hangup", None)]
    assert [verb.tag for verb in fromstring(thanks(CALL))] == ["Hangup"]
