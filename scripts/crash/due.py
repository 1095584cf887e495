"""What each customer was due, from what was told and answered alone."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scripts.crash.backend import Told
from scripts.crash.cast import PATIENCE, RINGS, Person
from scripts.crash.run import Reported, Witness
from scripts.crash.weather import fate_of
from scripts.provider import Accepted

ONE_OF_TWO = "thanks or reminder"
KINDS = ("hello", "thanks", "reminder", "note", "call", "ring")
SMS = ("hello", "reminder", "ring")
ANSWERS = ("in-progress", "completed")
_MARK = re.compile(r"ring ([\w-]+)")


@dataclass(slots=True)
class Due:
    """How many messages of a kind may have gone out, at least and at most."""

    least: int = 0
    most: int = 0

    def add(self, least: int, most: int) -> None:
        self.least += least
        self.most += most


def words(message: Accepted) -> tuple[str, str]:
    """Kind and mark, as every message of this journey bears them."""
    if message.id.startswith("CA"):
        found = _MARK.search(message.text)
        return "call", found[1] if found else ""
    if message.recipient.startswith("whatsapp:"):
        return "note", json.loads(message.text)["1"]
    kind, _, mark = (message.subject or message.text).partition(" ")
    return kind, mark.strip()


def due_by_mark(lives: Iterable[tuple[Person, Reported]], witness: Witness) -> dict[str, dict[str, Due]]:
    """By mark and kind, and one of two: customers who share a telephone and a mark are summed up."""
    due_by_mark: dict[str, dict[str, Due]] = {}
    for person, told in lives:
        due = due_by_mark.setdefault(person.mark, {kind: Due() for kind in (*KINDS, ONE_OF_TWO)})
        for kind, bounds in _bounds(person, told).items():
            due[kind].add(*bounds)
    for mark, reached in _reached(witness).items():
        if mark in due_by_mark:
            due_by_mark[mark]["ring"].add(0, -reached)
    return due_by_mark


def _bounds(person: Person, told: Reported) -> dict[str, tuple[int, int]]:
    """At least and at most. A call that was answered needs no SMS after it, if that was heard in time."""
    due = dict.fromkeys(("hello", "note", "call", ONE_OF_TWO), (1, 1))
    due["ring"] = (0, 1) if fate_of(person.phone) == "answered" else (1, 1)
    due["thanks"], due["reminder"] = _thanks_and_reminder(told)
    if told.left is not None:
        return {kind: (0, most) for kind, (_, most) in due.items()}
    unwanted = SMS if told.stopped is not None else ("thanks",) if told.withdrew is not None else ()
    for kind in unwanted:
        due[kind] = (0, due[kind][1])
    if unwanted:
        due[ONE_OF_TWO] = (due["thanks"][0] + due["reminder"][0], 1)
    return due


def _thanks_and_reminder(told: Reported) -> tuple[tuple[int, int], tuple[int, int]]:
    if told.answered is None:
        return (0, 0), (1, 1)
    if is_in_time(told.started, told.answered):
        return (1, 1), (0, 0)
    return (0, 1), (0, 1)


def is_in_time(started: Told, then: Told) -> bool:
    """Whether it was accepted before anybody's patience can have run out: that begins after the first message."""
    return then.answered_at < started.first_at + PATIENCE


def _reached(witness: Witness) -> Mapping[str, int]:
    """By mark, how many calls were answered, and said to be before anybody's patience can have run out."""
    called_at: dict[str, float] = {}
    mark_by_key: dict[str, str] = {}
    for message in witness.sent:
        if message.id.startswith("CA") and fate_of(message.recipient) == "answered":
            called_at[message.key] = min(message.at, called_at.get(message.key, message.at))
            mark_by_key[message.key] = words(message)[1]
    in_time = {it.key for it in witness.heard if it.status in ANSWERS and it.at < called_at.get(it.key, 0.0) + RINGS}
    count: dict[str, int] = {}
    for key in in_time:
        count[mark_by_key[key]] = count.get(mark_by_key[key], 0) + 1
    return count
