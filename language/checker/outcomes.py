"""What steps may leave, where that is one of a few words: a comparison with another word is a mistake."""

from collections.abc import Iterable, Iterator

from language.cel_syntax import Tree, parse
from language.checker.subject import Subject, as_path, nearest
from language.clause import ANY_ACTIVITY, Clause, Use
from language.expression import Expression
from language.finding import Finding
from language.message_event import REPORTS
from language.source import Path
from language.steps import Call, Cascade, Coupon, Repeat, Send, Split, Start, Step, Task, WaitFor

STATUSES = frozenset(
    {*REPORTS, "sent", "suppressed", "expired", "undeliverable", "unknown", "held", "released", "held_out"}
)


def findings(subject: Subject, path: Path, use: Use) -> Iterator[Finding]:
    """Comparisons of `steps.…` with a word that never stands there."""
    tree = parse(use.expression.source)
    for part in tree.walk() if tree else ():
        if part.kind != "operation" or part.head not in ("==", "!=", "in"):
            continue
        known = _known(subject, part.parts[0].path)
        for word in _texts(part.parts[1]) if known else ():
            if known and word not in known:
                what = f"`{part.parts[0].source}` is never {word!r}"
                yield subject.warning((*path, *as_path(use.field)), what, nearest(word, known), "impossible-value")


def _known(subject: Subject, path: tuple[str, ...] | None) -> frozenset[str] | None:
    """All words that a dotted name can be; None when they are not known."""
    if path is None or path[0] != "steps" or len(path) < 3 or path[1] not in subject.steps:
        return None
    step = subject.steps[path[1]]
    if len(path) == 4:
        return STATUSES if path[3] == "status" and step.sends() else None
    return _left(step, path[2])


def _left(step: Step, field: str) -> frozenset[str] | None:
    match step, field:
        case Task(results=results), "outcome" | "result" if results:
            return frozenset({*results, "timeout", "refused"}) if field == "outcome" else frozenset(results)
        case Split(arms=arms), "outcome":
            return frozenset(arm.arm for arm in arms)
        case Cascade(), "outcome":
            return frozenset({"reached", "sent", "unreached"})
        case Send(), "outcome":
            return STATUSES
        case Coupon(), "outcome":
            return frozenset({"taken", "empty"})
        case Call(), "outcome":
            return frozenset({"done", "refused"})
        case Start(), "outcome":
            return frozenset({"started", "refused"})
        case WaitFor(wait_for=clauses), "outcome":
            return _names(clauses, "timeout")
        case Repeat(until=clauses), "outcome":
            return _names(clauses, "done")
    return None


def _names(clauses: Iterable[Clause], other: str) -> frozenset[str] | None:
    """The events that may end a step; not known where any sign of life does."""
    names = frozenset({other, *(name for clause in clauses for name in clause.on)})
    return None if ANY_ACTIVITY in names else names


def _texts(tree: Tree) -> Iterator[str]:
    for part in tree.parts if tree.kind == "list" else (tree,):
        if part.kind == "text" and isinstance(value := Expression(part.source).evaluate({}), str):
            yield value
