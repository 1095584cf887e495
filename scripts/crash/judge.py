"""Holds the providers' own ledger against what each customer was due, whatever Sojourn says about itself.

Judged are the words that went out, by kind and mark: customers who share a telephone and a mark get the same words,
so of them only the number of messages counts. Sojourn's own rows say which messages are unknown to it, and when calls
were begun.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.crash.due import ONE_OF_TWO, SMS, Due, due_by_mark, is_in_time, words
from scripts.crash.ground import Ground
from scripts.crash.run import Run, Witness
from scripts.crash.weather import is_withheld

MESSAGES = """
SELECT m.key, CASE m.channel WHEN 'voice' THEN 'call' ELSE m.message END AS message, m.status, m.call_until,
  e.start ->> 'mark' AS mark
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

UNKNOWN_AT_MOST = 0.005
ALTERNATIVES = (
    ("hello",),
    ("thanks",),
    ("reminder",),
    ("thanks", "reminder"),
    ("note",),
    ("call",),
    ("ring",),
)
"""Kinds that are due together; what is missing of a pair's halves is missing of the pair."""


@dataclass(slots=True)
class Verdict:
    """Messages; `due` at least, `due_at_most` if nobody who left had left earlier.

    `after_exit`: called after an exit or opt-out was answered; `crossed`: the call was under way then. `unknown`:
    Sojourn says that it cannot know.
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
    sent = [message for message in ground.provider.accepted if words(message)[1].startswith(pattern[:-1])]
    witness = Witness(sent, ground.webhooks.heard)
    verdict = weigh(run, witness, await ground.fetch(MESSAGES, pattern), await ground.fetch(ENROLMENTS, pattern))
    for text in ground.webhooks.refused:
        verdict.complain(text)
    return verdict


def weigh(run: Run, witness: Witness, messages: Sequence[Row], enrolments: Sequence[Row]) -> Verdict:
    """The witness is the providers' word, the rows are Sojourn's: the answers to `MESSAGES` and `ENROLMENTS`."""
    verdict = Verdict(sent=len(witness.sent))
    unsent = _judge_unknown(verdict, run, witness, messages)
    _judge_counts(verdict, run, witness, unsent)
    _judge_exits(verdict, run, witness, messages)
    _judge_enrolments(verdict, run, enrolments)
    if not run.kills:
        verdict.complain(f"nothing was killed in the run {run.fault}")
    return verdict


def _judge_unknown(verdict: Verdict, run: Run, witness: Witness, rows: Sequence[Row]) -> Counter[tuple[str, str]]:
    """Which unknown messages were not sent, by kind and mark. Unknown may be only what nobody could have learnt."""
    withheld = {person.mark for person in run.people if is_withheld(person.email)}
    really_sent = {message.key for message in witness.sent}
    unsent: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["status"] != "unknown":
            continue
        if row["key"] in really_sent:
            verdict.unknown_sent += 1
        else:
            verdict.unknown_not_sent += 1
            unsent[row["message"], row["mark"]] += 1
        if row["message"] != "thanks" or row["mark"] not in withheld:
            verdict.complain(f"{row['mark']}: {row['message']} is unknown, though marker and look-up were there")
    unknown = verdict.unknown_sent + verdict.unknown_not_sent
    if unknown > max(1.0, UNKNOWN_AT_MOST * len(witness.sent)):
        verdict.complain(f"{unknown} messages are unknown, of {len(witness.sent)} sent")
    return unsent


def _judge_counts(verdict: Verdict, run: Run, witness: Witness, unsent: Counter[tuple[str, str]]) -> None:
    count = Counter(words(message) for message in witness.sent)
    for mark, due in due_by_mark(zip(run.people, run.told, strict=True), witness).items():
        for kind in ("hello", ONE_OF_TWO, "note", "call", "ring"):
            verdict.due += due[kind].least
            verdict.due_at_most += due[kind].most
        verdict.lost += _missing(verdict, mark, due, count, unsent)


def _missing(
    verdict: Verdict,
    mark: str,
    due: dict[str, Due],
    count: Counter[tuple[str, str]],
    unsent: Counter[tuple[str, str]],
) -> int:
    """How many are missing and not accounted for as unknown; what is too many is noted at once."""
    missing_in_all = 0
    for kinds in ALTERNATIVES:
        one = due[" or ".join(kinds)]
        went_out = sum(count[kind, mark] for kind in kinds)
        if went_out > one.most:
            verdict.doubled += (went_out - one.most) if len(kinds) == 1 else 0
            verdict.complain(f"{mark}: {went_out} × {' or '.join(kinds)}, at most {one.most} due")
        missing = max(one.least - went_out - sum(unsent[kind, mark] for kind in kinds), 0)
        if missing:
            verdict.complain(f"{mark}: {went_out} × {' or '.join(kinds)}, at least {one.least} due")
        missing_in_all += 0 if kinds in (("thanks",), ("reminder",)) else missing
    return missing_in_all


def _judge_exits(verdict: Verdict, run: Run, witness: Witness, rows: Sequence[Row]) -> None:
    """Nothing is called after an exit or opt-out that was answered before the claim."""
    barred_at = _barred_at(run)
    claimed_at = {
        (row["message"], row["mark"]): row["call_until"].timestamp() - CALL_WINDOW for row in rows if row["call_until"]
    }
    for message in witness.sent:
        kind, mark = words(message)
        since = barred_at.get((kind, mark), float("inf"))
        if message.at <= since:
            continue
        if claimed_at.get((kind, mark), float("inf")) < since:
            verdict.crossed += 1
        else:
            verdict.after_exit += 1
            verdict.complain(
                f"{mark}: {kind} was sent {message.at - since:.2f} s after the exit or opt-out was answered"
            )


def _barred_at(run: Run) -> dict[tuple[str, str], float]:
    """Since when no message of a kind may be called, by kind and mark."""
    barred_at: dict[tuple[str, str], float] = {}
    for person, told in zip(run.people, run.told, strict=True):
        words_of = ((told.left, ("hello", "thanks", "reminder", "note", "call", "ring")), (told.stopped, SMS))
        for said, kinds in (*words_of, (told.withdrew, ("thanks",))):
            if said is not None:
                barred_at.update({(kind, person.mark): said.answered_at for kind in kinds})
    return barred_at


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
        elif told.left and is_in_time(told.started, told.left) and row["outcome"] != "left":
            verdict.ignored += 1
            verdict.complain(f"{person.user}: left in time, but the outcome is {row['outcome']}")
