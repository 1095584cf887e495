"""A message as one customer gets it on one channel."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from language.channel import Channel
from language.dialect import Ink, MissingValue, Reader
from language.local_time import UnknownZone
from language.mail_layout import lay_out
from language.markdown import markdown_to_html
from language.message import Email, Gather, Message, Push, Voice, Whatsapp
from language.mjml_document import mjml_to_html
from language.opt_out_offer import NOWHERE, OptOutOffer, possible_line
from language.plain_text import html_to_text
from language.segments import count_segments
from language.template import UnfitValue, compile_template

LONGEST_SMS = 1600
"""Characters; what providers accept."""


class Undeliverable(Exception):
    """The message cannot be made for this customer. `reason` is for people and names places, never values."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Rendered(BaseModel):
    """What goes to the provider.

    `text` is the SMS, an e-mail's plain part, what a call says, a push's body, a WhatsApp message's free text or else
    what its template is filled with (which itself is the provider's); `subject` is an e-mail's or a push's title.
    """

    model_config = ConfigDict(frozen=True)

    channel: Channel
    locale: str = Field(description="The language tag of the texts that were used.")
    text: str
    subject: str | None = None
    preheader: str | None = None
    html: str | None = None
    segments: int | None = Field(default=None, description="SMS only: the parts it costs.")
    content: dict[str, Any] = Field(
        default_factory=dict, description="The other channels: their fields, rendered; an e-mail's `headers`."
    )


def unchanged(url: str) -> str:
    return url


def render(
    message: Message,
    channel: Channel,
    *,
    scope: Mapping[str, Any],
    locale: str | None,
    time_zone: str,
    link: Callable[[str], str] = unchanged,
    offer: OptOutOffer = NOWHERE,
    opt_out_words: Mapping[str, tuple[str, ...]] | None = None,
) -> Rendered:
    """The message for one customer.

    `scope` maps root names (`profile`, `start`, `event`, `steps`, `repeat`, `journeys`, `now`, and a send's `with`) to
    JSON values or datetimes. `locale` is the customer's language tag, `time_zone` an IANA name; `link` makes a tracked
    address from a plain one. `offer` is where this customer unsubscribes; `opt_out_words`, the policy's, are given when
    a text has to say how to opt out. Raises `Undeliverable`.
    """
    wording, tag = message.wording(channel, locale)
    part = getattr(wording, channel)
    if part is None:
        raise Undeliverable(f"the message has no text for {channel}")
    place = channel if wording is message else f"locales.{tag}.{channel}"
    reader = Reader(time_zone=time_zone, locale=tag, link=_but_ours(link, offer))
    closing = Closing(message.class_, offer, opt_out_words)
    return _Rendering({**offer.values, **scope}, reader, channel, place, closing).render(part)


def _but_ours(link: Callable[[str], str], offer: OptOutOffer) -> Callable[[str], str]:
    """The customer's own pages are never tracked: whoever leaves is not followed."""
    return lambda url: url if url in offer.values.values() else link(url)


@dataclass(frozen=True, slots=True)
class Closing:
    """How a message of this class ends. `words` are given when a text has to say how to opt out."""

    message_class: str
    offer: OptOutOffer
    words: Mapping[str, tuple[str, ...]] | None

    @property
    def content(self) -> dict[str, Any]:
        """What an e-mail brings besides its texts."""
        headers = self.offer.headers if self.message_class != "transactional" else {}
        return {"headers": headers} if headers else {}

    def needs_foot(self, page: str) -> bool:
        return self.message_class == "promotional" and not self.offer.is_shown_in(page)

    def of_text(self, text: str, locale: str) -> str:
        if self.words is None or self.offer.is_shown_in(text):
            return text
        return text + possible_line(text, locale, self.words)


class _Rendering:
    """One part of a message on its way to a `Rendered`."""

    def __init__(
        self, scope: Mapping[str, Any], reader: Reader, channel: Channel, place: str, closing: Closing
    ) -> None:
        self.scope, self.reader, self.channel, self.place, self.closing = scope, reader, channel, place, closing

    def render(self, part: str | Email | Voice | Whatsapp | Push) -> Rendered:
        match part:
            case str():
                return self._sms(part)
            case Email():
                return self._email(part)
            case Voice():
                return self._voice(part)
            case Whatsapp():
                return self._whatsapp(part)
            case Push():
                return self._push(part)

    def _sms(self, source: str) -> Rendered:
        text = self._short(self.place, source)
        return self._rendered(text, segments=count_segments(text))

    def _email(self, email: Email) -> Rendered:
        subject = self._line("subject", email.subject)
        preheader = self._line("preheader", email.preheader) if email.preheader else None
        html, text = self._mail_body(email, subject, preheader)
        if not text:
            raise Undeliverable(f"{self.place} came out empty")
        return self._rendered(text, subject=subject, preheader=preheader, html=html, content=self.closing.content)

    def _mail_body(self, email: Email, subject: str, preheader: str | None) -> tuple[str, str]:
        offer, locale = self.closing.offer, self.reader.locale
        if email.body is not None:
            content = self._markdown(email.body)
        elif email.mjml is not None:
            content = self._mjml(email.mjml)
        else:
            content = self._fill(f"{self.place}.html", email.html or "", Ink("html"))
        text, needs_foot = html_to_text(content), self.closing.needs_foot(content)
        if email.body is None:
            page = offer.at_end_of(content, locale) if needs_foot else content
        else:
            framed = content + offer.foot(locale) if needs_foot else content
            page = lay_out(framed, subject=subject, preheader=preheader, locale=locale)
        return offer.untracked(page), text + offer.plain_foot(locale) if text and needs_foot else text

    def _markdown(self, source: str) -> str:
        ink = Ink("markdown")
        return markdown_to_html(self._fill(f"{self.place}.body", source, ink), ink)

    def _mjml(self, source: str) -> str:
        try:
            return mjml_to_html(self._fill(f"{self.place}.mjml", source, Ink("html")))
        except ValueError:
            raise Undeliverable(f"{self.place}.mjml is not valid MJML with this customer's values") from None

    def _voice(self, voice: Voice) -> Rendered:
        say = self._line("say", voice.say)
        content = {
            "say": say,
            "language": voice.language or self.reader.locale,
            "machine": voice.machine,
            "timeout": int(voice.timeout.total_seconds()),
        }
        if voice.play is not None:
            content["play"] = self._line("play", voice.play)
        if voice.gather is not None:
            content["gather"] = self._gather(voice.gather)
        return self._rendered(say, content=content)

    def _gather(self, gather: Gather) -> dict[str, Any]:
        said = {"thanks": gather.thanks, "nothing": gather.nothing}
        texts = {name: self._line(f"gather.{name}", text) for name, text in said.items() if text is not None}
        return {"digits": gather.digits, "timeout": int(gather.timeout.total_seconds()), **texts}

    def _whatsapp(self, whatsapp: Whatsapp) -> Rendered:
        variables = {name: self._line(f"variables.{name}", text) for name, text in whatsapp.variables.items()}
        content = {"content_sid": whatsapp.content_sid, "variables": variables}
        text = " · ".join(variables.values()) or f"Template {whatsapp.content_sid}"
        if whatsapp.text is not None:
            text = content["text"] = self._short(f"{self.place}.text", whatsapp.text)
        return self._rendered(text, content=content)

    def _short(self, place: str, source: str) -> str:
        text = self.closing.of_text(_tidy(self._fill(place, source)), self.reader.locale)
        if len(text) > LONGEST_SMS:
            raise Undeliverable(f"{place} came out at {len(text):,} characters; {LONGEST_SMS:,} is the most")
        return text

    def _push(self, push: Push) -> Rendered:
        content = {"title": self._line("title", push.title), "body": self._line("body", push.body)}
        if push.url is not None:
            content["url"] = self._line("url", push.url)
        return self._rendered(content["body"], subject=content["title"], content=content)

    def _rendered(self, text: str, **fields: Any) -> Rendered:
        return Rendered(channel=self.channel, locale=self.reader.locale, text=text, **fields)

    def _line(self, name: str, source: str) -> str:
        """One line of text: a value with line breaks cannot add a header or a second line."""
        place = f"{self.place}.{name}"
        text = " ".join(self._fill(place, source).split())
        if not text:
            raise Undeliverable(f"{place} came out empty")
        return text

    def _fill(self, place: str, source: str, ink: Ink | None = None) -> str:
        try:
            text = compile_template(source).render(self.scope, self.reader, ink or Ink("text"))
        except MissingValue as missing:
            raise Undeliverable(f"{place} needs {missing.path}, which is missing") from None
        except UnknownZone:
            raise Undeliverable(f"{place} shows a time, and the customer's time zone is not known") from None
        except UnfitValue as unfit:
            raise Undeliverable(f"{place}, line {unfit.line}: a value does not fit {unfit.statement}") from None
        if not text.strip():
            raise Undeliverable(f"{place} came out empty")
        return text


def _tidy(text: str) -> str:
    lines = (line.strip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
