"""Holds the providers' own ledger against what each customer was due, whatever Sojourn says about itself.

Judged are the words that went out, by kind and mark: customers who share a telephone and a mark get the same words,
so of them only the number of messages counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.crash.backend import Told
from scripts.crash.cast import PATIENCE, Person
from scripts.crash.ground import Ground
from scripts.crash.run import Reported, Run
from scripts.provider import Accepted

MESSAGES = """
SELECT m.message, m.status, m.call_until, e.start ->> 'mark' AS mark
FROM messages m JOIN enrolments e ON e.id = m.enrolment_id
WHERE e.journey = 'crash' AND e.start ->> 'mark' LIKE $1
"""
ENROLMENTS = """
SELECT i.value AS user_id, e.state, e.outcome, e.step FROM enrolments e
JOIN identifiers i ON i.customer_id = e.customer_id AND i.kind = 'user_id'
WHERE e.journey = 'crash' AND e.start ->> 'mark' LIKE $1
"""
Row = Mapping[str, Any]
CALL_WINDOW = 12.0
"""Seconds between a claim and its `call_until`."""


@dataclass(slots=True)
class Due:
    """How many messages of a kind may have gone out, at least and at most."""

    least: int = 0
    most: int = 0

    def add(self, least: int, most: int) -> None:
        self.least += least
        self.most += most


@dataclass(slots=True)
class Verdict:
    """Messages; `due` at least, `due_at_most` if nobody who left had left earlier.

    `crossed`: the call was under way when the exit was answered. `unknown`: Sojourn says that it cannot know.
    """

    due: int = 0
    due_at_most: int = 0
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    after_exit: int = 0
    crossed: int = 0
    unknown_sent: int = 0
    unknown_not_sent: int = 0
    ignored: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.complaints

    def complain(self, text: str) -> None:
        self.complaints.append(text)


async def judge(ground: Ground, run: Run) -> Verdict:
    pattern = f"r{run.number}-%"
    sent = [message for message in ground.provider.accepted if _words(message)[1].startswith(pattern[:-1])]
    return weigh(run, sent, await ground.fetch(MESSAGES, pattern), await ground.fetch(ENROLMENTS, pattern))


def weigh(run: Run, sent: Sequence[Accepted], messages: Sequence[Row], enrolments: Sequence[Row]) -> Verdict:
    """`sent` is the providers' word, the rows are Sojourn's: the answers to `MESSAGES` and `ENROLMENTS`."""
    verdict = Verdict()
    _judge_counts(verdict, run, sent, messages)
    _judge_exits(verdict, run, sent, messages)
    _judge_enrolments(verdict, run, enrolments)
    if not run.kills:
        verdict.complain(f"nothing was killed in the run {run.fault}")
    return verdict


def _words(message: Accepted) -> tuple[str, str]:
    """Kind and mark, as every message of this journey bears them."""
    kind, _, mark = (message.subject or message.text).partition(" ")
    return kind, mark.strip()


def _judge_counts(verdict: Verdict, run: Run, sent: Sequence[Accepted], rows: Sequence[Row]) -> None:
    count = Counter(_words(message) for message in sent)
    unknown = Counter((row["message"], row["mark"]) for row in rows if row["status"] == "unknown")
    verdict.sent = len(sent)
    for mark, due in _due_by_mark(zip(run.people, run.told, strict=True)).items():
        verdict.due += due["hello"].least + due["thanks or reminder"].least
        verdict.due_at_most += due["hello"].most + due["thanks or reminder"].most
        verdict.lost += _missing(verdict, mark, due, count, unknown)
    verdict.unknown_sent = unknown.total() - verdict.unknown_not_sent


def _missing(
    verdict: Verdict,
    mark: str,
    due: dict[str, Due],
    count: Counter[tuple[str, str]],
    unknown: Counter[tuple[str, str]],
) -> int:
    """How many are missing and not accounted for as unknown; what is too many is noted at once."""
    missing_in_all = 0
    for kinds in (("hello",), ("thanks",), ("reminder",), ("thanks", "reminder")):
        one = due[" or ".join(kinds)]
        went_out = sum(count[kind, mark] for kind in kinds)
        unknowns = sum(unknown[kind, mark] for kind in kinds)
        if went_out > one.most:
            verdict.doubled += (went_out - one.most) if len(kinds) == 1 else 0
            verdict.complain(f"{mark}: {went_out} × {' or '.join(kinds)}, at most {one.most} due")
        missing = max(one.least - went_out, 0)
        if missing > unknowns:
            verdict.complain(f"{mark}: {went_out} × {' or '.join(kinds)}, at least {one.least} due")
        if len(kinds) == 2 or kinds == ("hello",):
            missing_in_all += max(missing - unknowns, 0)
            verdict.unknown_not_sent += min(missing, unknowns)
    return missing_in_all


def _due_by_mark(lives: Iterable[tuple[Person, Reported]]) -> dict[str, dict[str, Due]]:
    due_by_mark: dict[str, dict[str, Due]] = {}
    for person, told in lives:
        kinds = ("hello", "thanks", "reminder", "thanks or reminder")
        due = due_by_mark.setdefault(person.mark, {kind: Due() for kind in kinds})
        for kind, bounds in zip(kinds, _bounds(told), strict=True):
            due[kind].add(*bounds)
    return due_by_mark


def _bounds(told: Reported) -> tuple[tuple[int, int], ...]:
    """At least and at most: hello, thanks, reminder, one of the two."""
    if told.left is not None:
        return (0, 1), (0, 0), (0, 1), (0, 1)
    if told.answered is None:
        return (1, 1), (0, 0), (1, 1), (1, 1)
    if _is_in_time(told.started, told.answered):
        return (1, 1), (1, 1), (0, 0), (1, 1)
    return (1, 1), (0, 1), (0, 1), (1, 1)


def _is_in_time(started: Told, then: Told) -> bool:
    """Whether it was accepted before anybody's patience can have run out: that begins after the first message."""
    return then.answered_at < started.first_at + PATIENCE


def _judge_exits(verdict: Verdict, run: Run, sent: Sequence[Accepted], rows: Sequence[Row]) -> None:
    left_at = {p.mark: t.left.answered_at for p, t in zip(run.people, run.told, strict=True) if t.left}
    claimed_at = {
        (row["message"], row["mark"]): row["call_until"].timestamp() - CALL_WINDOW for row in rows if row["call_until"]
    }
    for message in sent:
        kind, mark = _words(message)
        if message.at <= left_at.get(mark, float("inf")):
            continue
        if claimed_at.get((kind, mark), float("inf")) < left_at[mark]:
            verdict.crossed += 1
        else:
            verdict.after_exit += 1
            verdict.complain(f"{mark}: {kind} was sent {message.at - left_at[mark]:.2f} s after the exit was answered")


def _judge_enrolments(verdict: Verdict, run: Run, rows: Sequence[Row]) -> None:
    """Every event that was accepted has done what it is for."""
    row_by_user = {row["user_id"]: row for row in rows}
    if len(rows) != len(run.people):
        verdict.complain(f"{len(rows)} enrolments for {len(run.people)} customers")
    for person, told in zip(run.people, run.told, strict=True):
        row = row_by_user.get(person.user)
        if row is None or row["state"] != "ended":
            verdict.ignored += 1
            verdict.complain(f"{person.user}: {'no enrolment' if row is None else 'still open at ' + str(row['step'])}")
        elif told.left and _is_in_time(told.started, told.left) and row["outcome"] != "left":
            verdict.ignored += 1
            verdict.complain(f"{person.user}: left in time, but the outcome is {row['outcome']}")
