"""What a phone call does once it is answered, in TwiML, the language of Twilio's calls."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

REGION_BY_LANGUAGE: Mapping[str, str] = {
    "ar": "arb",
    "ca": "ca-ES",
    "cs": "cs-CZ",
    "da": "da-DK",
    "de": "de-DE",
    "el": "el-GR",
    "en": "en-US",
    "es": "es-ES",
    "es-419": "es-MX",
    "fi": "fi-FI",
    "fr": "fr-FR",
    "he": "he-IL",
    "hi": "hi-IN",
    "hu": "hu-HU",
    "id": "id-ID",
    "it": "it-IT",
    "ja": "ja-JP",
    "ko": "ko-KR",
    "nb": "nb-NO",
    "nl": "nl-NL",
    "no": "nb-NO",
    "pl": "pl-PL",
    "pt": "pt-BR",
    "ro": "ro-RO",
    "ru": "ru-RU",
    "sk": "sk-SK",
    "sv": "sv-SE",
    "th": "th-TH",
    "tr": "tr-TR",
    "uk": "uk-UA",
    "vi": "vi-VN",
    "zh": "zh-CN",
}
"""Twilio's voices speak the language of a country: which one, where a message names none."""

MOST_SAID = 4000
"""UTF-8 bytes that one `Say` may hold."""

_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def call_script(content: Mapping[str, Any], answered_by: str = "human", digits_to: str | None = None) -> str:
    """The TwiML of a call whose message is rendered as `content` (see `language.message.Voice`).

    `answered_by` is Twilio's word for who is there: human, unknown, fax, machine_start, machine_end_beep, …
    `digits_to` is the address that is told which digits were pressed; a machine is asked for none.
    """
    response = Element("Response")
    gather = content.get("gather")
    if is_hung_up_on(answered_by, content.get("machine")):
        SubElement(response, "Hangup")
    elif gather and digits_to and not answered_by.startswith("machine"):
        _speak(_asking(response, gather, digits_to), content)
        if gather.get("nothing"):
            _say(response, gather["nothing"], content)
    else:
        _speak(response, content)
    return _document(response)


def thanks(content: Mapping[str, Any]) -> str:
    """The TwiML of a call once its digits are pressed: the last words, and the end."""
    response = Element("Response")
    if text := (content.get("gather") or {}).get("thanks"):
        _say(response, text, content)
    SubElement(response, "Hangup")
    return _document(response)


def _asking(response: Element, gather: Mapping[str, Any], digits_to: str) -> Element:
    return SubElement(
        response,
        "Gather",
        action=digits_to,
        method="POST",
        input="dtmf",
        numDigits=str(gather["digits"]),
        timeout=str(gather["timeout"]),
    )


def _speak(parent: Element, content: Mapping[str, Any]) -> None:
    if content.get("play"):
        SubElement(parent, "Play").text = _clean(content["play"])
    else:
        _say(parent, content["say"], content)


def _say(parent: Element, text: str, content: Mapping[str, Any]) -> None:
    language = voice_language(content.get("language") or "en")
    for piece in _pieces(_clean(text)):
        SubElement(parent, "Say", language=language).text = piece


def _document(response: Element) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>{tostring(response, encoding="unicode")}'


def hang_up() -> str:
    """The TwiML of a call that has nothing to say."""
    return call_script({"machine": "hang_up"}, "fax")


def is_hung_up_on(answered_by: str, machine: str | None) -> bool:
    """Nobody talks to a fax; to an answering machine if its message says `leave_message`."""
    return answered_by == "fax" or (answered_by.startswith("machine") and machine != "leave_message")


def voice_language(tag: str) -> str:
    """The language tag that a voice of Twilio has: `pt` becomes pt-BR, `zh-Hant-TW` zh-TW."""
    if tag in REGION_BY_LANGUAGE:
        return REGION_BY_LANGUAGE[tag]
    language, *rest = tag.replace("_", "-").split("-")
    regions = [part for part in rest if len(part) == 2]
    return "-".join((language, *regions)) if regions else REGION_BY_LANGUAGE.get(language.lower(), tag)


def _pieces(text: str) -> Iterator[str]:
    """No longer than one `Say` may be, parted at spaces; joined by one space each they are the text."""
    piece = ""
    for word in text.split(" "):
        longer = f"{piece} {word}" if piece else word
        if piece and len(longer.encode()) > MOST_SAID:
            yield piece
            longer = word
        piece = longer
    yield piece


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return _NOT_IN_XML.sub("", text)
