"""Messages by themselves: their topics, the way out of promotional ones, and how many parts an SMS has."""

import re
from collections.abc import Iterable, Iterator

from language.checker.subject import nearest
from language.faults import fault
from language.finding import Finding
from language.loader import Loaded
from language.message import Message, Wording
from language.opt_out_offer import possible_line
from language.policy import Policy
from language.segments import count_segments, encoding_of
from language.sms_length import shortest
from language.source import Path, Source

MOST_PARTS = 3
TOO_MANY_PARTS = 10
_NETWORK_WORDS = ("stop", "unsubscribe")
_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " ", "•": "-"}
)


def findings(loaded: Loaded[Message], policy: Policy) -> Iterator[Finding]:
    """`policy` names the words by which customers opt out, in all languages, and the topics they choose from."""
    message, source = loaded.model, loaded.source
    if message is None or source is None:
        return
    words = (*_NETWORK_WORDS, *(word.casefold() for some in policy.opt_out_words.values() for word in some))
    yield from _topic(source, message, policy)
    for place, tag, wording in _wordings(message):
        if message.class_ == "promotional":
            yield from _way_out(source, place, tag, wording, words)
        if wording.sms is not None:
            yield from _parts(source, (*place, "sms"), tag, wording.sms, _line(message, tag, wording.sms, policy))


def _wordings(message: Message) -> Iterator[tuple[Path, str, Wording]]:
    yield (), message.locale, message
    yield from ((("locales", tag), tag, wording) for tag, wording in message.locales.items())


def _way_out(source: Source, place: Path, tag: str, wording: Wording, words: tuple[str, ...]) -> Iterator[Finding]:
    if wording.sms is not None and not _says(wording.sms, words):
        what = f"a promotional SMS ({tag}) does not say how to opt out"
        remedy = "end it with “Reply STOP to opt out”; words of other languages stand in policy.yaml, `opt_out_words`"
        yield _warning(source, (*place, "sms"), what, remedy, "no-opt-out")


def _topic(source: Source, message: Message, policy: Policy) -> Iterator[Finding]:
    """What customers cannot choose on their page, though it is theirs to choose."""
    if policy.topics and message.topic and message.topic not in policy.topics and message.class_ != "transactional":
        what = f"customers cannot choose the topic `{message.topic}`: it is not among the `topics` of policy.yaml"
        remedy = nearest(message.topic, policy.topics, f"add `{message.topic}: {{title: …}}` there")
        yield _warning(source, ("topic",), what, remedy, "unlisted-topic")


def _line(message: Message, tag: str, text: str, policy: Policy) -> str:
    """What the SMS ends with when promotional ones come in a row."""
    return possible_line(text, tag, policy.opt_out_words) if message.class_ == "promotional" else ""


def _says(text: str, words: Iterable[str]) -> bool:
    """Whether one of these words stands in the text as a whole word."""
    found = text.casefold()
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", found) for word in words)


def _parts(source: Source, path: Path, tag: str, text: str, line: str) -> Iterator[Finding]:
    """`line` is what may come at its end."""
    least = shortest(text) + line
    parts, plain = count_segments(least), least.translate(_PLAIN)
    if parts > count_segments(plain) and encoding_of(plain) == "gsm7" != encoding_of(least):
        odd = next(character for character in least if encoding_of(character) != "gsm7")
        cost = f"{parts} parts instead of {count_segments(plain)}"
        what = f"the character {_named(odd)} makes every part of the SMS ({tag}) shorter: {cost}"
        yield _warning(source, path, what, f"write {odd.translate(_PLAIN)!r} instead", "costly-character")
    elif parts > MOST_PARTS:
        what = f"the SMS ({tag}) has at least {parts} parts{_why(least)}, each paid for"
        found = fault(source, path, what, f"shorten it to {MOST_PARTS} parts, or send an e-mail", "long-sms")
        yield found if parts > TOO_MANY_PARTS else found.model_copy(update={"severity": "warning"})


def _why(text: str) -> str:
    odd = next((character for character in text if encoding_of(character) != "gsm7"), None)
    return f" of 67 characters (UCS-2, because of {_named(odd)})" if odd else " of 153 characters (GSM-7)"


def _named(character: str) -> str:
    return f"“{character}” (U+{ord(character):04X})"


def _warning(source: Source, path: Path, what: str, remedy: str, code: str) -> Finding:
    return fault(source, path, what, remedy, code).model_copy(update={"severity": "warning"})
