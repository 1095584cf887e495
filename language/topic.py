"""A topic, as customers choose it on the preference page."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from language.channel import Channel
from language.message import LocaleTag
from language.part import Part


class TopicWords(Part):
    """What customers read, in one language."""

    title: str = Field(min_length=1, max_length=80, description="Its name.", examples=["Newsletter"])
    description: str | None = Field(
        default=None, max_length=300, description="What comes of it, and how often.", examples=["Once a week."]
    )


class Topic(TopicWords):
    """A topic that messages are about. `title` and `description` are the default, `locales` hold other languages."""

    locales: dict[LocaleTag, TopicWords] = Field(
        default_factory=dict,
        description="The same in other languages.",
        examples=[{"ru": {"title": "Рассылка", "description": "Раз в неделю."}}],
    )
    channels: Annotated[
        tuple[Channel, ...],
        BeforeValidator(
            lambda value: (value,) if isinstance(value, str) else value,
            json_schema_input_type=Channel | tuple[Channel, ...],
        ),
    ] = Field(default=(), description="The channels it comes by; left out: any.", examples=[["email", "sms"]])
    double_opt_in: bool = Field(
        default=False,
        description="Promotional messages go only to those who have asked for it and confirmed that.",
    )

    def words(self, locale: str | None) -> TopicWords:
        """In the customer's language: exact, then shortened, then the default."""
        parts = (locale or "").replace("_", "-").split("-")
        by_tag = {tag.lower(): words for tag, words in self.locales.items()}
        by_language = {tag.partition("-")[0]: words for tag, words in reversed(by_tag.items())}
        while parts:
            if found := by_tag.get("-".join(parts).lower()):
                return found
            parts.pop()
        return by_language.get((locale or "").replace("_", "-").partition("-")[0].lower(), self)
