"""What a phone call does once it is answered, in TwiML, the language of Twilio's calls."""

import re
from collections.abc import Mapping
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

_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def call_script(content: Mapping[str, Any], answered_by: str = "human") -> str:
    """The TwiML of a call whose message is rendered as `content` (see `language.message.Voice`).

    `answered_by` is Twilio's word for who is there: human, unknown, fax, machine_start, machine_end_beep, …
    """
    response = Element("Response")
    if is_hung_up_on(answered_by, content.get("machine")):
        SubElement(response, "Hangup")
    elif content.get("play"):
        SubElement(response, "Play").text = _clean(content["play"])
    else:
        say = SubElement(response, "Say", language=voice_language(content.get("language") or "en"))
        say.text = _clean(content["say"])
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


def _clean(text: str) -> str:
    """Without what XML cannot hold."""
    return _NOT_IN_XML.sub("", text)
