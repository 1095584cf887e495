"""What expressions name: roots, functions, steps and what they leave, other journeys, `repeat`, `event`."""

from collections.abc import Iterator

from language.checker.kind import ANY, TRUTH, Kinds
from language.checker.subject import Subject, as_path, nearest
from language.clause import Use
from language.expression import FUNCTIONS
from language.finding import Finding
from language.source import Path
from language.steps import (
    ROOTS,
    Branch,
    Call,
    Cascade,
    Coupon,
    GoTo,
    Repeat,
    Send,
    Set,
    Split,
    Start,
    Step,
    Stop,
    Task,
    Wait,
    WaitFor,
)

_TEXT: Kinds = frozenset({"text", "nothing"})
_MAYBE: Kinds = TRUTH | {"nothing"}
_STANDING = {"active": _MAYBE, "stage": _TEXT, "outcome": _TEXT, "ended_at": frozenset({"moment", "nothing"})}
"""What `journeys.<id>` says."""

_LEFT: dict[type[Step], dict[str, Kinds]] = {
    Send: {"outcome": _TEXT},
    Cascade: {"outcome": _TEXT, "by": _TEXT},
    Task: {"outcome": _TEXT, "result": _TEXT, "note": ANY, "reason": _TEXT},
    Call: {"outcome": _TEXT, "answer": ANY, "reason": _TEXT},
    Coupon: {"outcome": _TEXT, "code": _TEXT, "reason": _TEXT},
    Start: {"outcome": _TEXT, "reason": _TEXT},
    Split: {"outcome": _TEXT},
    Branch: {"outcome": _TEXT},
    WaitFor: {"outcome": _TEXT, "event": ANY},
    Repeat: {"outcome": _TEXT},
    Wait: {},
    Set: {},
    GoTo: {},
    Stop: {},
}
"""What a step leaves as `steps.<id>`, besides its channels and `skipped`."""

_RECEIPT = {"status": _TEXT, "reason": _TEXT}


def left_by(step: Step) -> dict[str, Kinds] | None:
    """The fields of `steps.<id>` and their kinds; None for a step of a class that is not known here."""
    fields = _LEFT.get(type(step))
    if fields is None:
        return None
    channels = [channel for via in step.sends().values() for channel in via]
    return {**fields, **dict.fromkeys(channels, ANY), "skipped": ANY}


def kind_of(subject: Subject, path: tuple[str, ...]) -> Kinds:
    """Of what kind a dotted name is, as far as it is sure."""
    match path:
        case ("now",):
            return frozenset({"moment"})
        case ("repeat", "index"):
            return frozenset({"number"})
        case ("journeys", _, field) | ("journeys", _, "same_key", field):
            return _STANDING.get(field, ANY)
        case ("steps", name, field) if name in subject.steps:
            return (left_by(subject.steps[name]) or {}).get(field, ANY)
        case ("steps", name, _, field) if name in subject.steps and subject.steps[name].sends():
            return _RECEIPT.get(field, ANY)
    return ANY


def findings(subject: Subject, path: Path, use: Use) -> Iterator[Finding]:
    """All that is named wrongly in one expression of the step at `path`; () is the head."""
    place = (*path, *as_path(use.field))
    for root in sorted(use.expression.roots - use.roots):
        allowed = ", ".join(sorted(use.roots))
        if root in ROOTS:
            yield subject.error(place, f"`{root}` may not be used here", f"use {allowed}", "unknown-name")
        else:
            remedy = nearest(root, use.roots, f"use {allowed}; texts stand in quotes")
            yield subject.error(place, f"`{root}` is no name", remedy, "unknown-name")
    for function in sorted(use.expression.functions - FUNCTIONS):
        what = f"there is no function `{function}`"
        yield subject.error(place, what, nearest(function, FUNCTIONS), "unknown-function")
    for full in use.expression.paths:
        if full[0] in use.roots:
            yield from _path(subject, place, full)
    is_later = path and not use.field.endswith("where")
    if "event" in use.expression.roots and is_later and not subject.has_events:
        what = "`event` is the event that ended a wait_for, and the journey has none"
        yield subject.error(place, what, "use start.… for the event that started it", "no-event")
    if ("repeat", "index") in use.expression.paths and path and not _is_repeated(subject, path):
        yield subject.error(place, "`repeat` counts inside a repeat, and this step is in none", "move it", "no-repeat")


def _path(subject: Subject, place: Path, full: tuple[str, ...]) -> Iterator[Finding]:
    root, *rest = full
    if root == "steps" and rest and rest[0] not in subject.steps:
        remedy = nearest(rest[0], subject.steps)
        yield subject.error(place, f"there is no step `{rest[0]}`", remedy, "unknown-step-name")
    elif fault := unknown_field(subject, full):
        yield subject.error(place, *fault, "unknown-field-of-step")
    if root == "journeys" and rest and subject.journeys is not None and rest[0] not in subject.journeys:
        remedy = nearest(rest[0], subject.journeys)
        yield subject.error(place, f"there is no journey `{rest[0]}`", remedy, "unknown-journey")
    elif root == "journeys" and rest[1:] and rest[-1] not in (*_STANDING, "same_key"):
        what = f"`journeys.{rest[0]}` has no `{rest[-1]}`"
        yield subject.error(place, what, nearest(rest[-1], _STANDING), "unknown-name")
    if root == "repeat" and rest not in ([], ["index"]):
        yield subject.error(place, f"`repeat` has no `{rest[0]}`", "use repeat.index", "unknown-name")


def unknown_field(subject: Subject, full: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with a name such as `steps.welcome.sms.status`, and the remedy; None: nothing surely is."""
    step = subject.steps.get(full[1]) if full[0] == "steps" and len(full) > 2 else None
    fields = left_by(step) if step else None
    if step is None or fields is None:
        return None
    name, *inner = full[2:]
    if name not in fields:
        known = [field for field in fields if field != "skipped"]
        what = f"the step `{step.id}` never leaves `{name}`"
        return what, nearest(name, known, f"it leaves {', '.join(known) or 'nothing'}")
    if name in {channel for via in step.sends().values() for channel in via} and inner and inner[0] not in _RECEIPT:
        return f"`steps.{step.id}.{name}` has no `{inner[0]}`", nearest(inner[0], _RECEIPT)
    return None


def _is_repeated(subject: Subject, path: Path) -> bool:
    around = (step for found, step in subject.placed if found != path and path[: len(found)] == found)
    return any(step.repeats_block for step in around)
