"""Ways through the journey: steps that nothing leads to, loops without a wait, and what comes before what."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from language.checker.subject import Subject
from language.finding import Finding
from language.message import references
from language.program import Program
from language.source import Path
from language.steps import Cascade, Coupon, Repeat, Step, Task, Until, Wait, WaitFor

Ways = Mapping[str, tuple[str, ...]]


def findings(subject: Subject) -> Iterator[Finding]:
    program = subject.program
    if program is None:
        return
    ways = {name: _following(program, name) for name in program.place_by_id}
    entries = [name for name in (*program.entry_by_stage.values(), program.first) if name]
    reached = _closure(entries, ways)
    yield from _unreached(subject, reached)
    for name in _circles(reached, ways, program):
        what = "a loop through this step can pass without any time"
        remedy = "put a wait with a duration, or a wait_for, into the loop"
        yield subject.error(subject.path_by_id[name], what, remedy, "loop-without-wait")
    yield from _order(subject, _Order(ways, entries, reached, bool(subject.journey.stages)))


def _following(program: Program, name: str) -> tuple[str, ...]:
    place = program.place_by_id[name]
    step = place.step
    ways = [*place.ways.values(), *(program.entry_by_stage.get(target, target) for target in step.targets())]
    if step.passes_on():
        ways.append(place.after)
    if step.when is not None or not step.enabled:
        ways.append(place.after)
    if isinstance(step, Wait) and isinstance(step.wait, Until):
        ways.append(place.leave_out)
    return tuple(way for way in ways if way is not None)


def _unreached(subject: Subject, reached: frozenset[str]) -> Iterator[Finding]:
    for path, step in subject.placed:
        if step.id not in reached and not _is_nested_in_unreached(subject, path, reached):
            what = "nothing leads to this step"
            yield subject.error(path, what, "remove it, or let a step above go on to it", "unreachable")


def _is_nested_in_unreached(subject: Subject, path: Path, reached: frozenset[str]) -> bool:
    around = [found for found in subject.placed if found[0] != path and path[: len(found[0])] == found[0]]
    return any(step.id not in reached for _, step in around)


# --- loops


def _circles(reached: frozenset[str], ways: Ways, program: Program) -> Iterator[str]:
    """A step of each loop in which no step is sure to take time; the first that closes one."""
    quick = {name: ways[name] for name in reached if not _is_slow(program.place_by_id[name].step)}
    quick = {name: tuple(way for way in following if way in quick) for name, following in quick.items()}
    done: set[str] = set()
    for start in program.place_by_id:
        if start in quick and start not in done:
            ahead = _closure(quick[start], quick)
            inside = {name for name in ahead if start in _closure(quick[name], quick)} if start in ahead else set()
            done |= inside
            if inside:
                yield start


def _is_slow(step: Step) -> bool:
    return step.enabled and step.when is None and step.takes_time()


def _closure(names: Iterable[str], ways: Ways, without: str | None = None) -> frozenset[str]:
    """All that can be reached from these, themselves included."""
    found: set[str] = set()
    ahead = [name for name in names if name != without]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(way for way in ways[name] if way != without)
    return frozenset(found)


# --- what comes before what


class _Order(NamedTuple):
    ways: Ways
    entries: list[str]
    reached: frozenset[str]
    has_stages: bool

    def can_precede(self, earlier: str, later: str) -> bool:
        """A status may lead anywhere, also back."""
        return self.has_stages or later in _closure(self.ways[earlier], self.ways)

    def can_be_missed(self, earlier: str, later: str) -> bool:
        """Whether a way leads to the later step past the earlier one."""
        return later in _closure(self.entries, self.ways, without=earlier)


def _order(subject: Subject, order: _Order) -> Iterator[Finding]:
    giving = [step.id for step in subject.steps.values() if _gives_event(step)]
    for path, step in subject.placed:
        if step.id not in order.reached:
            continue
        for name in sorted(_steps_named(subject, step)):
            if name in subject.steps and name != step.id and not order.can_precede(name, step.id):
                what = f"`steps.{name}` is used before that step can have been done"
                yield subject.error(path, what, "move the step above, or name another", "used-before")
        yield from _codes(subject, order, path, step)
        if giving and _uses_event(step) and not order.has_stages:
            yield from _event_before(subject, order, path, step, giving)


def _event_before(subject: Subject, order: _Order, path: Path, step: Step, giving: list[str]) -> Iterator[Finding]:
    if subject.has_events and not any(name == step.id or order.can_precede(name, step.id) for name in giving):
        what = "`event` is used before anything waits for one"
        yield subject.error(path, what, "use start.… for the event that started it", "no-event")


def _gives_event(step: Step) -> bool:
    return isinstance(step, WaitFor | Task | Cascade) or (isinstance(step, Repeat) and bool(step.until))


def _uses_event(step: Step) -> bool:
    return any("event" in use.expression.roots and not use.field.endswith("where") for use in step.expressions())


def _steps_named(subject: Subject, step: Step) -> set[str]:
    return {path[1] for use in step.expressions() for path in use.expression.paths if path[0] == "steps" and path[1:]}


def _codes(subject: Subject, order: _Order, path: Path, step: Step) -> Iterator[Finding]:
    """A message shows a coupon's code, and there is a way to it without one."""
    if step.when is not None or not step.sends():
        return
    for name in sorted(_coupons_shown(subject, step)):
        is_missed = order.can_be_missed(name, step.id)
        if order.can_precede(name, step.id) and (is_missed or _falls_through(subject, order, name, step.id)):
            why = "past that step" if is_missed else "when the pool is empty"
            what = f"it shows the code of `{name}`, and a way leads here without one: {why}"
            remedy = f"end that way with `stop`, or write `when: steps.{name}.code != null`"
            yield subject.warning(path, what, remedy, "no-code")


def _falls_through(subject: Subject, order: _Order, coupon: str, later: str) -> bool:
    """Whether the way of an empty pool, or of a coupon that is left out, leads on to the later step."""
    program = subject.program
    if program is None:
        return False
    step, place = subject.steps[coupon], program.place_by_id[coupon]
    on = [place.ways["otherwise"]] + ([place.after] if step.when is not None or not step.enabled else [])
    return later in _closure([name for name in on if name], order.ways, without=coupon)


def _coupons_shown(subject: Subject, step: Step) -> set[str]:
    paths = [path for use in step.expressions() if use.field.startswith("with.") for path in use.expression.paths]
    for name in step.sends():
        message = subject.messages.get(name)
        shown = references(message) if message else ()
        paths += [tuple(it.name.split(".")) for it in shown if not it.has_default]
    named = {path[1] for path in paths if path[0] == "steps" and path[2:3] == ("code",)}
    return {name for name in named if isinstance(subject.steps.get(name), Coupon)}
