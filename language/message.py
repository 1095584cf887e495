"""A message: one thing to say to a customer, written for each channel it may go by."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from language.channel import CHANNELS, Channel
from language.duration import Duration
from language.mjml_document import check_mjml
from language.part import Part
from language.template import TemplateError, compile_template

MessageClass = Literal["transactional", "service", "promotional"]

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")


def _check_template(source: str) -> str:
    try:
        compile_template(source)
    except TemplateError as error:
        raise PydanticCustomError(
            "template",
            "line {line} of the text: {problem}; {remedy}",
            {"line": error.line, "problem": error.problem, "remedy": error.remedy},
        ) from None
    return source


def _check_locale(tag: str) -> str:
    if not _LOCALE.fullmatch(tag):
        raise ValueError(f"{tag!r} is not a language; write for example ru, pt-BR or zh-Hant-TW")
    return tag


def _digits_as_text(variables: Any) -> Any:
    return {str(name): value for name, value in variables.items()} if isinstance(variables, dict) else variables


def _check_content_sid(sid: str) -> str:
    if not re.fullmatch(r"HX[0-9a-fA-F]{32}", sid):
        raise ValueError(f"{sid!r} is not a content SID; it is HX and 32 hexadecimal digits, from Twilio's console")
    return sid


def _check_timeout(timeout: timedelta) -> timedelta:
    if not timedelta(seconds=5) <= timeout <= timedelta(seconds=600):
        raise ValueError("a phone rings between 5s and 600s (10m)")
    return timeout


Text = Annotated[str, Field(min_length=1), AfterValidator(_check_template)]
"""A Liquid text; checked when it is loaded."""

Mjml = Annotated[Text, AfterValidator(check_mjml)]
LocaleTag = Annotated[str, AfterValidator(_check_locale)]


class Email(Part):
    """An e-mail. Exactly one of `body`, `mjml` and `html`; a plain-text part is made from it."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["body"]}, {"required": ["mjml"]}, {"required": ["html"]}]}
    )

    subject: Text = Field(description="The subject line.", examples=["Your reservation of flat {{ start.flat }}"])
    preheader: Text | None = Field(
        default=None, description="What mail programs show beside the subject.", examples=["Pay by Friday to keep it."]
    )
    body: Text | None = Field(
        default=None,
        description="Markdown. A paragraph that is only a link becomes a button.",
        examples=["Dear {{ profile.first_name | default: 'customer' }},\n\n[See the flat]({{ start.url | link }})"],
    )
    mjml: Mjml | None = Field(default=None, description="A whole MJML document, from <mjml> to </mjml>.")
    html: Text | None = Field(default=None, description="A whole HTML document, sent as it is.")

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        given = [name for name in ("body", "mjml", "html") if getattr(self, name) is not None]
        if len(given) != 1:
            what = f"has {' and '.join(given)}" if given else "has no text"
            raise ValueError(f"the e-mail {what}; write exactly one of body (Markdown), mjml and html")
        return self


class Whatsapp(Part):
    """A WhatsApp message: an approved template, or its `text` where that is allowed."""

    content_sid: Annotated[str, AfterValidator(_check_content_sid)] = Field(
        description="The template's SID in Twilio.", examples=["HX0123456789abcdef0123456789abcdef"]
    )
    variables: Annotated[dict[str, Text], BeforeValidator(_digits_as_text)] = Field(
        default_factory=dict, description="The template's variables by number.", examples=[{"1": "{{ start.flat }}"}]
    )
    text: Text | None = Field(
        default=None,
        description="What is sent instead within 24 hours of whatever the customer wrote last: only then WhatsApp takes"
        " free text.",
        examples=["Flat {{ start.flat }} is yours until Friday. Any questions?"],
    )


def _check_patience(timeout: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= timeout <= timedelta(seconds=60):
        raise ValueError("a call waits between 1s and 60s (1m) for a key")
    return timeout


class Gather(Part):
    """Digits that a call asks for: `say` is the question."""

    digits: int = Field(default=1, ge=1, le=20, description="How many at most; # ends them sooner.", examples=[1])
    timeout: Annotated[Duration, AfterValidator(_check_patience)] = Field(
        default=timedelta(seconds=5), description="How long to wait for a key.", examples=["5s"]
    )
    thanks: Text | None = Field(
        default=None, description="What is said once they are pressed.", examples=["Thank you. We call you back."]
    )
    nothing: Text | None = Field(
        default=None, description="What is said when nothing is pressed.", examples=["We shall write to you instead."]
    )


class Voice(Part):
    """A phone call that says a text."""

    say: Text = Field(description="What is said.", examples=["Hello, your account is ready."])
    play: Text | None = Field(
        default=None,
        description="A recording that is played instead, by its address (MP3 or WAV); `say` is then its words.",
        examples=["https://example.com/welcome.mp3"],
    )
    language: LocaleTag | None = Field(
        default=None, description="The voice's language; the text's own when left out.", examples=["en-US"]
    )
    machine: Literal["hang_up", "leave_message"] = Field(
        default="hang_up", description="What to do when an answering machine picks up."
    )
    timeout: Annotated[Duration, AfterValidator(_check_timeout)] = Field(
        default=timedelta(seconds=25), description="How long it rings.", examples=["25s"]
    )
    gather: Gather | None = Field(
        default=None,
        description="Digits that the call asks a person for, never a machine; they come as `Call Digits Pressed`.",
        examples=[{"digits": 1, "thanks": "Thank you. We call you back."}],
    )


class Push(Part):
    """A notification in the app or the browser."""

    title: Text = Field(description="The bold line.", examples=["Your flat is waiting"])
    body: Text = Field(description="The text.", examples=["Flat {{ start.flat }} is yours until Friday."])
    url: Text | None = Field(default=None, description="What opens on a tap.", examples=["https://example.com/flats"])


Sms = Annotated[Text, Field(description="The SMS, at most 1,600 characters.", examples=["{{ start.flat }} is yours."])]
"""The SMS text."""


class Wording(Part):
    """The texts in one language, by channel."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [channel]} for channel in CHANNELS]})

    email: Email | None = Field(
        default=None, description="The e-mail.", examples=[{"subject": "Welcome", "body": "Your account is ready."}]
    )
    sms: Sms | None = Field(
        default=None, description="The SMS, at most 1,600 characters.", examples=["{{ start.flat }} is yours."]
    )
    whatsapp: Whatsapp | None = Field(
        default=None,
        description="The WhatsApp message: an approved template.",
        examples=[{"content_sid": "HX0123456789abcdef0123456789abcdef", "variables": {"1": "{{ start.flat }}"}}],
    )
    voice: Voice | None = Field(
        default=None,
        description="The phone call.",
        examples=[{"say": "Hello, your account is ready.", "timeout": "25s"}],
    )
    push: Push | None = Field(
        default=None,
        description="The notification in the app.",
        examples=[{"title": "Your flat is waiting", "body": "It is yours until Friday."}],
    )
    web_push: Push | None = Field(
        default=None,
        description="The notification in the browser.",
        examples=[{"title": "Your flat is waiting", "body": "It is yours until Friday."}],
    )

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that this wording can go by."""
        return tuple(channel for channel in CHANNELS if getattr(self, channel) is not None)

    @model_validator(mode="after")
    def _some_channel(self) -> Self:
        if not self.channels:
            raise ValueError(f"there is no text; write at least one of {', '.join(CHANNELS)}")
        return self


class Message(Wording):
    """A message file. The texts beside `message:` are the default; `locales` holds them in other languages."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [channel]} for channel in CHANNELS],
            "if": {"properties": {"class": {"const": "promotional"}}},
            "then": {"required": ["topic"]},
        }
    )

    message: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="The message's id, snake_case.", examples=["reservation_ends"]
    )
    class_: MessageClass = Field(
        alias="class",
        description="transactional always goes, service obeys quiet hours and topic opt-outs, promotional obeys all.",
    )
    topic: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9_]*$",
        description="What customers opt out of. Needed for promotional messages.",
        examples=["reservations"],
    )
    locale: LocaleTag = Field(default="en", description="The language of the default texts.", examples=["ru"])
    locales: dict[LocaleTag, Wording] = Field(
        default_factory=dict,
        description="The texts in other languages; each may cover only some of the channels.",
        examples=[{"pt-BR": {"sms": "Olá!"}}],
    )
    note: str | None = Field(default=None, description="For people.")

    @model_validator(mode="after")
    def _promotional_has_topic(self) -> Self:
        if self.class_ == "promotional" and self.topic is None:
            raise ValueError("a promotional message needs a topic, so that customers can opt out; add topic: …")
        return self

    @model_validator(mode="after")
    def _locales_have_default(self) -> Self:
        for tag, wording in self.locales.items():
            for channel in wording.channels:
                if channel not in self.channels:
                    raise ValueError(f"locales.{tag} has {channel}, the message itself has not; add {channel}: …")
        return self

    def wording(self, channel: Channel, locale: str | None) -> tuple[Wording, str]:
        """The texts for a customer's language tag and the tag they are in: exact, then shortened, then the default."""
        parts = (locale or "").replace("_", "-").split("-")
        by_tag = {tag.lower(): tag for tag, wording in self.locales.items() if channel in wording.channels}
        while parts:
            tag = by_tag.get("-".join(parts).lower())
            if tag:
                return self.locales[tag], tag
            parts.pop()
        return self, self.locale


class Reference(BaseModel):
    """A value that a message shows or tests: its dotted `name`, where, and whether a customer may lack it."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["profile.first_name"])
    field: str = Field(description="The place in the file.", examples=["locales.ru.email.subject"])
    line: int = Field(description="The line within that text, from 1.")
    has_default: bool = Field(description="True when it has a `default`, or is only tested.")

    @property
    def root(self) -> str:
        return self.name.partition(".")[0]


def references(message: Message) -> tuple[Reference, ...]:
    """Every value that the message's texts use, in the order of the file."""
    return tuple(
        Reference(name=".".join(use.path), field=field, line=use.line, has_default=use.may_be_missing)
        for field, source in texts(message)
        for use in compile_template(source).uses
    )


def texts(message: Message) -> Iterator[tuple[str, str]]:
    """Every Liquid text of the message with its place in the file, such as `locales.ru.email.subject`."""
    yield from _texts_of(message, "")
    for tag, wording in message.locales.items():
        yield from _texts_of(wording, f"locales.{tag}.")


_NOT_LIQUID = frozenset({"content_sid", "language", "machine", "timeout"})


def _texts_of(wording: Wording, prefix: str) -> Iterator[tuple[str, str]]:
    for channel in wording.channels:
        part = getattr(wording, channel)
        content: Mapping[str, Any] = {channel: part} if isinstance(part, str) else dict(part)
        for name, value in content.items():
            place = f"{prefix}{channel}" if isinstance(part, str) else f"{prefix}{channel}.{name}"
            if isinstance(value, Gather):
                said = {"thanks": value.thanks, "nothing": value.nothing}
                yield from ((f"{place}.{key}", text) for key, text in said.items() if text is not None)
            elif isinstance(value, dict):
                yield from ((f"{place}.{key}", text) for key, text in value.items())
            elif isinstance(value, str) and name not in _NOT_LIQUID:
                yield place, value
