"""Whether expressions can work: kinds that do not go together, conditions that are none, or always the same."""

from collections.abc import Iterator
from functools import partial

from language.cel_syntax import Tree, parse
from language.checker.kind import ANY, TRUTH, Kinds, judge, words
from language.checker.names import kind_of
from language.checker.subject import Subject, as_path
from language.clause import Use
from language.expression import Expression
from language.finding import Finding
from language.source import Path
from language.steps import Branch

_DATE: Kinds = frozenset({"moment", "text"})


def findings(subject: Subject, path: Path, use: Use) -> Iterator[Finding]:
    """At most one about an expression."""
    tree = parse(use.expression.source)
    if tree is None:
        return
    place = (*path, *as_path(use.field))
    kinds, faults = judge(tree, partial(kind_of, subject))
    if faults:
        make = subject.error if faults[0].is_sure else subject.warning
        yield make(place, faults[0].what, faults[0].remedy, faults[0].code)
    elif fault := _unfit(use, tree, kinds) or _foregone(use, tree):
        yield subject.error(place, *fault)


def is_always(expression: Expression | None) -> bool:
    """Whether a condition is true whatever happens."""
    return expression is None or (not expression.roots and expression.is_true({}))


def is_never(expression: Expression | None) -> bool:
    return expression is not None and not expression.roots and not expression.is_true({})


def _is_condition(use: Use) -> bool:
    return use.field.endswith(("where", "when"))


def _unfit(use: Use, tree: Tree, kinds: Kinds) -> tuple[str, str, str] | None:
    """A value of a kind that has no use in its field."""
    if _is_condition(use) and not kinds & TRUTH:
        what = f"`{tree.source}` is {words(kinds)}, not a condition"
        return what, 'compare it with something: event.to == "bought"', "not-a-condition"
    if use.field == "wait.until" and not kinds & _DATE:
        remedy = 'write a moment: start.expires_at - duration("24h"), or timestamp("2026-12-24T09:00:00Z")'
        return f"`{tree.source}` is {words(kinds)}, not a moment", remedy, "not-a-moment"
    if use.field == "goal.value" and "number" not in kinds:
        return f"the value `{tree.source}` is {words(kinds)}, not a number", "write event.price", "not-a-number"
    return None


def _foregone(use: Use, tree: Tree) -> tuple[str, str, str] | None:
    """A condition that is the same for everybody."""
    if not _is_condition(use):
        return None
    if is_never(use.expression):
        return f"`{tree.source}` is never true", "write a condition, or remove it", "never-true"
    if fault := next(filter(None, map(_contradiction, tree.walk())), None):
        return fault
    return None


def _contradiction(tree: Tree) -> tuple[str, str, str] | None:
    """`x == 1 && x == 2`, and `x != 1 || x != 2`."""
    if tree.kind != "operation" or tree.head not in ("&&", "||"):
        return None
    sign = "==" if tree.head == "&&" else "!="
    chosen: dict[str, Tree] = {}
    for part in _chain(tree, tree.head):
        if part.kind != "operation" or part.head != sign or part.parts[0].path is None:
            continue
        name, value = part.parts
        first = chosen.setdefault(name.source, value)
        if first.is_constant and value.is_constant and _differ(first, value):
            both = f"[{first.source}, {value.source}]"
            if sign == "==":
                what = f"`{name.source}` is never {first.source} and {value.source} at once"
                return what, f"write {name.source} in {both}, or remove one", "never-true"
            what = f"`{name.source}` always differs from {first.source} or from {value.source}"
            return what, f"write !({name.source} in {both})", "always-true"
    return None


def _differ(one: Tree, other: Tree) -> bool:
    values = [Expression(tree.source).evaluate({}) for tree in (one, other)]
    return None not in values and values[0] != values[1]


def _chain(tree: Tree, sign: str) -> Iterator[Tree]:
    if tree.kind == "operation" and tree.head == sign:
        for part in tree.parts:
            yield from _chain(part, sign)
    else:
        yield tree


def branch(subject: Subject, path: Path, step: Branch) -> Iterator[Finding]:
    """Ways of a branch that nobody goes."""
    seen: dict[str, int] = {}
    for number, arm in enumerate(step.branch):
        place = (*path, "branch", number, "when")
        if arm.when.source in seen:
            what = f"the condition `{arm.when.source}` stands above already, so this way is never taken"
            yield subject.error(place, what, "write another condition, or remove the way", "dead-way")
        seen.setdefault(arm.when.source, number)
        has_more = number + 1 < len(step.branch)
        if is_always(arm.when) and (has_more or step.otherwise):
            below: Path = (*path, "branch", number + 1) if has_more else (*path, "otherwise")
            what = f"the way above is always taken (`{arm.when.source}`), so this one never is"
            yield subject.error(below, what, "write another condition above, or remove this way", "dead-way")
            return


__all__ = ["ANY", "branch", "findings", "is_always", "is_never"]
