"""Steps that wait: for a length, a date, an event, a person."""

from collections.abc import Iterator
from datetime import timedelta

from language.checker.conditions import is_always
from language.checker.subject import Subject
from language.clause import Clause
from language.finding import Finding
from language.source import Path
from language.steps import InactiveWait, Step, Task, Until, Wait, WaitFor

_NONE = timedelta(0)


def findings(subject: Subject, path: Path, step: Step) -> Iterator[Finding]:
    match step:
        case WaitFor():
            yield from _limit(subject, path, step)
            yield from _arms(subject, path, step)
        case Wait():
            yield from _wait(subject, path, step)
        case Task():
            yield from _task(subject, path, step)


def _limit(subject: Subject, path: Path, step: WaitFor) -> Iterator[Finding]:
    if step.within is not None:
        if step.within <= _NONE:
            remedy = "write for example `within: 1d`"
            yield subject.error((*path, "within"), "the time limit is zero", remedy, "no-time")
        return
    if step.otherwise:
        what = "`otherwise` without `within` is never done"
        yield subject.error((*path, "otherwise"), what, "add `within: …`", "idle-otherwise")
    if step.reset_on:
        what = "`reset_on` without `within` does nothing"
        yield subject.error((*path, "reset_on"), what, "add `within: …`", "idle-reset")
    yield from _endless(subject, path)


def _endless(subject: Subject, path: Path) -> Iterator[Finding]:
    if not subject.is_ended:
        what = "waits without limit, and nothing ends the journey meanwhile"
        yield subject.warning(path, what, "add `within: …`, or an `exit` to the journey", "endless-wait")


def _arms(subject: Subject, path: Path, step: WaitFor) -> Iterator[Finding]:
    """Of what matches several arms the first is taken: one below the same event never is."""
    for number, arm in enumerate(step.wait_for):
        above = [earlier for earlier in step.wait_for[:number] if _covers(subject, earlier, arm)]
        if above:
            what = f"an arm above takes every `{'` and `'.join(arm.on)}` already, so this one never is taken"
            yield subject.error(
                (*path, "wait_for", number), what, "add a `where` above, or remove this arm", "dead-way"
            )


def _covers(subject: Subject, earlier: Clause, later: Clause) -> bool:
    is_wide = subject.journey.key is None or earlier.match is not None or earlier.match == later.match
    is_same = earlier.where is not None and earlier.where == later.where
    is_about = earlier.of is None or earlier.of == later.of
    return is_wide and is_about and (is_always(earlier.where) or is_same) and set(later.on) <= set(earlier.on)


def _wait(subject: Subject, path: Path, step: Wait) -> Iterator[Finding]:
    match step.wait:
        case timedelta() if step.wait <= _NONE:
            remedy = "write for example `wait: 1h`, or remove it"
            yield subject.error(path, "the wait is zero long", remedy, "no-time")
        case InactiveWait(inactive=length) if length <= _NONE:
            yield subject.error(path, "the silence is zero long", "write for example `inactive: 7d`", "no-time")
        case Until() as until:
            if until.rearm_on and "start" not in until.until.roots:
                what = "`rearm_on` changes `start`, which the date does not use"
                yield subject.error(path, what, "compute the date from start.…, or remove rearm_on", "idle-rearm")
            if until.again_if_moved and not until.rearm_on:
                yield subject.error(
                    path, "`again_if_moved` without `rearm_on` does nothing", "add `rearm_on: …`", "idle-again"
                )


def _task(subject: Subject, path: Path, step: Task) -> Iterator[Finding]:
    if step.within is None:
        yield from _endless(subject, path)
        return
    if step.within <= _NONE:
        yield subject.error((*path, "within"), "the time limit is zero", "write for example `within: 1d`", "no-time")
        return
    for number, later in enumerate(step.escalate):
        if later.after >= step.within:
            what = "it is handed on only when the time is up already"
            yield subject.error(
                (*path, "escalate", number), what, "shorten `after`, or lengthen `within`", "idle-escalate"
            )
