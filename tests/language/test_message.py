import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from language.message import Message, references

SID = "HX0123456789abcdef0123456789abcdef"


def message(**parts: Any) -> Message:
    return Message.model_validate({"message": "hello", "class": "service", **parts})


def fault(**parts: Any) -> tuple[str, str]:
    """The place and the text of the only error."""
    with pytest.raises(ValidationError) as caught:
        message(**parts)
    (error,) = caught.value.errors()
    return ".".join(str(part) for part in error["loc"]), error["msg"]


def test_survives_storage_as_json() -> None:
    full = message(
        topic="news",
        locale="ru",
        email={"subject": "Привет", "body": "Текст {{ profile.first_name }}"},
        sms="Привет",
        whatsapp={"content_sid": SID, "variables": {1: "{{ start.flat }}"}},
        voice={"say": "Алло", "timeout": "40s"},
        push={"title": "t", "body": "b"},
        locales={"pt-BR": {"sms": "Olá"}},
        note="for people",
    )
    stored = json.dumps(full.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    assert Message.model_validate_json(stored) == full
    assert Message.model_validate(json.loads(stored)).channels == ("email", "sms", "whatsapp", "voice", "push")


@pytest.mark.parametrize(
    ("parts", "place", "text"),
    [
        ({}, "", "write at least one of email, sms"),
        ({"sms": "x", "class": "promotional"}, "", "a promotional message needs a topic"),
        ({"sms": "x", "class": "marketing"}, "class", "'transactional', 'service' or 'promotional'"),
        ({"sms": "x", "smss": "y"}, "smss", "not permitted"),
        ({"sms": ""}, "sms", "at least 1 character"),
        ({"email": {"subject": "x"}}, "email", "has no text; write exactly one of body"),
        ({"email": {"subject": "x", "body": "x", "html": "x"}}, "email", "has body and html"),
        ({"email": {"body": "x"}}, "email.subject", "required"),
        ({"sms": "x", "locales": {"Russian": {"sms": "x"}}}, "locales.Russian.[key]", "write for example ru, pt-BR"),
        ({"sms": "x", "locales": {"ru": {"voice": {"say": "x"}}}}, "", "add voice"),
        ({"sms": "x", "locales": {"ru": {}}}, "locales.ru", "there is no text"),
        ({"whatsapp": {"content_sid": "HX12"}}, "whatsapp.content_sid", "32 hexadecimal digits"),
        ({"voice": {"say": "x", "timeout": "1h"}}, "voice.timeout", "between 5s and 600s"),
        ({"email": {"subject": "x", "mjml": "<mjml><mj-body>"}}, "email.mjml", "not valid MJML"),
        ({"email": {"subject": "x", "mjml": "<mjml><mj-body><mj-txt/></mj-body></mjml>"}}, "email.mjml", "<mj-txt>"),
    ],
)
def test_mistakes_are_named_with_a_remedy(parts: dict[str, Any], place: str, text: str) -> None:
    found_place, found_text = fault(**parts)
    assert found_place == place
    assert text in found_text


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        ("{{ profile.first_name }", 1, "not valid Liquid"),
        ("one\n{{ profile.first_name | upcas }}", 2, "did you mean upcase?"),
        ("one\ntwo {{ start.flat | }}", 2, "not valid Liquid"),
        ("{% if start.flat %}x", 1, "add {% endif %}"),
        ("one\n{% iff x %}", 2, "there is no tag {% iff %}; did you mean if?"),
        ("{% render 'x' %}", 1, "there is no tag {% render %}"),
        ("{{ start.flat | date: 1, 2, 3 }}", 1, "does not take 3 values"),
        ("one\nstart.flat }}", 2, "a stray }}"),
        ("{{ start.name or 'you' }}", 1, "not valid Liquid"),
        ("{{ start.raw | safe }}", 1, "there is no filter 'safe'"),
    ],
)
def test_faulty_liquid_is_found_when_loaded(source: str, line: int, text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        message(email={"subject": "x", "body": source})
    (error,) = caught.value.errors()
    assert error["loc"] == ("email", "body")
    assert error["ctx"]["line"] == line
    assert text in error["msg"]


def test_liquid_that_is_meant_as_text_passes() -> None:
    message(sms="{% raw %}{{ not a value }}{% endraw %}")


def test_references_name_every_value_with_its_place() -> None:
    found = references(
        message(
            sms="{{ start.flat }}{% if profile.vip %}{% for it in start.items %}{{ it.name }}{% endfor %}{% endif %}",
            email={"subject": "x", "body": "\n{{ profile.first_name | upcase | default: profile.nick }}"},
            locales={"ru": {"sms": "{% assign flat = start.flat %}{{ flat }}{{ code }}"}},
        )
    )
    assert [(use.name, use.field, use.line, use.has_default) for use in found] == [
        ("profile.first_name", "email.body", 2, True),
        ("profile.nick", "email.body", 2, False),
        ("start.flat", "sms", 1, False),
        ("profile.vip", "sms", 1, True),
        ("start.items", "sms", 1, False),
        ("start.flat", "locales.ru.sms", 1, False),
        ("code", "locales.ru.sms", 1, False),
    ]
    assert found[0].root == "profile"


def test_the_json_schema_accepts_what_the_model_accepts() -> None:
    schema = Message.model_json_schema()
    given = {"message": "hello", "class": "service", "email": {"subject": "x", "body": "y"}}
    jsonschema.validate(given, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**given, "email": {"subject": "x"}}, schema)
