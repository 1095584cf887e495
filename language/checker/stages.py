"""Stages and their statuses."""

from collections.abc import Iterator

from language.cel_syntax import Tree, parse
from language.checker.subject import Subject, close_to
from language.expression import Expression
from language.finding import Finding
from language.journey import StageRule
from language.listening import stage_by_status


def findings(subject: Subject) -> Iterator[Finding]:
    rule = subject.journey.stage
    if rule is not None:
        yield from _twice(subject)
        yield from _exits(subject, rule)
        yield from _misspelt(subject, rule)


def _twice(subject: Subject) -> Iterator[Finding]:
    """A status stands for one stage."""
    stage_by: dict[str, str] = {name: name for name in subject.journey.stages}
    for name, stage in subject.journey.stages.items():
        for number, status in enumerate(stage.statuses):
            other = stage_by.setdefault(status, name)
            place = ("stages", name, "statuses", number)
            if other != name:
                what = f"the status `{status}` stands for the stage `{other}` already"
                yield subject.error(place, what, "keep it in one of them", "same-status")
            elif status in (name, *stage.statuses[:number]):
                what = f"the status `{status}` stands here twice" if status != name else f"`{status}` is this stage"
                yield subject.warning(place, what, "remove it", "idle-status")


def _exits(subject: Subject, rule: StageRule) -> Iterator[Finding]:
    """A status that ends the journey never comes to its stage."""
    listed = stage_by_status(subject.journey)
    for number, clause in enumerate(subject.journey.exit):
        if clause.where is None or not set(rule.on) <= set(clause.on):
            continue
        for status in _statuses(clause.where, rule.is_):
            if status in listed:
                what = f"the status `{status}` ends the journey, so it never takes anybody to `{listed[status]}`"
                yield subject.warning(("exit", number), what, "remove it here, or in the stage", "dead-status")


def _statuses(where: Expression, status: Expression) -> Iterator[str]:
    """The statuses for which a condition is surely true: `event.to == "a"`, `event.to in ["a", "b"]`."""
    tree = parse(where.source)
    if tree is None or tree.kind != "operation" or tree.head not in ("==", "in"):
        return
    if tree.parts[0].source == status.source.strip():
        yield from _texts(tree.parts[1])


def _texts(tree: Tree) -> Iterator[str]:
    for part in tree.parts if tree.kind == "list" else (tree,):
        if part.kind == "text" and isinstance(value := Expression(part.source).evaluate({}), str):
            yield value


def _misspelt(subject: Subject, rule: StageRule) -> Iterator[Finding]:
    """A status in a condition that is nearly one of the stages'."""
    listed = stage_by_status(subject.journey)
    for use in subject.journey.head_uses():
        field = use.field.split(".")
        for status in _compared(use.expression, rule.is_) if field[-1] == "where" else ():
            close = close_to(status, listed, 0.85) if status not in listed else None
            if close and not _is_known(subject, rule, status):
                what = f"`{status}` is no status of any stage"
                place = tuple(int(part) if part.isdigit() else part for part in field)
                yield subject.warning(place, what, f"did you mean `{close}`?", "near-status")


def _compared(where: Expression, status: Expression) -> Iterator[str]:
    tree = parse(where.source)
    for part in tree.walk() if tree else ():
        if part.kind == "operation" and part.head in ("==", "!=", "in") and part.parts[0].source == status.source:
            yield from _texts(part.parts[1])


def _is_known(subject: Subject, rule: StageRule, status: str) -> bool:
    """Whether several conditions name it: then it is a status of its own."""
    return sum(status in _compared(use.expression, rule.is_) for use in subject.journey.head_uses()) > 1
