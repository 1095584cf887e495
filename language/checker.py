"""What can be proved about a journey before it is published."""

import difflib
from collections.abc import Iterator, Mapping
from datetime import timedelta

from language.channel import BUILT
from language.clause import Clause, Use
from language.expression import FUNCTIONS
from language.faults import raw_steps
from language.finding import Finding
from language.journey import Journey
from language.loader import Loaded
from language.message import Message, Reference, references
from language.program import LARGEST, Program, define
from language.source import Path, Source
from language.steps import ROOTS, InactiveWait, Repeat, Send, Step, Until, Wait, WaitFor

_SURE = frozenset(
    [
        "unknown-message",
        "no-text",
        "not-built",
        "unknown-name",
        "unknown-function",
        "same-id",
        "constant-key",
        "no-event",
    ]
)
"""Codes that hold also when faulty parts of the file were cut out."""
_SURE_WITH_ALL_STEPS = frozenset(["unknown-target", "unknown-step-name", "unknown-of"])


def check_journey(
    loaded: Loaded[Journey],
    messages: Mapping[str, Message],
    journeys: frozenset[str] | None = None,
    faulty_messages: frozenset[str] = frozenset(),
) -> list[Finding]:
    """All findings about one loaded journey. `messages` are those of its directory, `journeys` the ids of all.

    `faulty_messages` are there, but cannot be read: they have findings of their own.
    """
    sound = loaded if loaded.model is not None else loaded.sound
    if sound is None or sound.model is None or sound.source is None or loaded.source is None:
        return list(loaded.findings)
    found = _Checker(sound.model, sound.source, messages, journeys, faulty_messages).findings()
    if sound is not loaded:
        has_all_steps = len(list(raw_steps(loaded.source.data))) == len(list(raw_steps(sound.source.data)))
        codes = _SURE | _SURE_WITH_ALL_STEPS if has_all_steps else _SURE
        found = (finding for finding in found if finding.code in codes)
    return sorted(dict.fromkeys([*loaded.findings, *found]), key=lambda finding: finding.line)


class _Checker:
    def __init__(
        self,
        journey: Journey,
        source: Source,
        messages: Mapping[str, Message],
        journeys: frozenset[str] | None,
        faulty_messages: frozenset[str],
    ) -> None:
        self.journey, self.source, self.messages, self.journeys = journey, source, messages, journeys
        self.faulty_messages = faulty_messages
        self.placed = tuple(_placed_steps(journey))
        self.steps = {step.id: step for _, step in self.placed}
        self.sending = [step.id for step in self.steps.values() if step.sends()]
        self.places = [*self.steps, *journey.stages]

    def findings(self) -> Iterator[Finding]:
        yield from self._not_built()
        yield from self._head()
        duplicates = list(self._duplicate_ids())
        yield from duplicates
        for path, step in self.placed:
            yield from self._step(path, step)
        if not duplicates:
            yield from self._ways()
        yield from self._size()

    def _finding(self, path: Path, what: str, remedy: str, code: str, *, warns: bool = False) -> Finding:
        return Finding(
            file=self.source.file,
            line=self.source.line(path),
            step=self._step_at(path),
            what=what,
            remedy=remedy,
            code=code,
            severity="warning" if warns else "error",
        )

    def _step_at(self, path: Path) -> str:
        inside = [found for found in self.placed if path[: len(found[0])] == found[0]]
        return max(inside, key=lambda found: len(found[0]))[1].id if inside else str(path[0] if path else "journey")

    # --- the head

    def _not_built(self) -> Iterator[Finding]:
        for number, start in enumerate(self.journey.start):
            if start.audience:
                what = "starts by audience are not built in this release"
                yield self._finding(("start", number), what, "start on an event, a `date`, or `every`", "not-built")

    def _head(self) -> Iterator[Finding]:
        for use in self.journey.head_uses():
            yield from self._use((), use)
        clauses: list[tuple[str, Clause]] = [("exit", clause) for clause in self.journey.exit]
        if self.journey.goal:
            clauses.append(("goal", self.journey.goal))
        for name, clause in clauses:
            if clause.match and self.journey.key is None:
                yield self._finding(
                    (name,), "`match` has no use in a journey without a key", "remove it", "idle-match", warns=True
                )
            if clause.of:
                yield self._finding((name,), "`of` has no use here", "remove it; use it in a wait_for", "idle-of")
        if self.journey.key is not None and self.journey.key.roots.isdisjoint({"event", "profile"}):
            yield self._finding(
                ("key",), "the key is the same for every event", "use event.…, or remove it", "constant-key"
            )
        if not self.journey.title:
            yield self._finding(
                (), "the journey has no title", "add `title: …` for people to read", "no-title", warns=True
            )

    # --- single steps

    def _duplicate_ids(self) -> Iterator[Finding]:
        seen: dict[str, Path] = {}
        for path, step in self.placed:
            if step.id in seen:
                line = self.source.line(seen[step.id])
                yield self._finding(
                    path, f"the id `{step.id}` is taken, in line {line}", "write an `id` of its own", "same-id"
                )
            seen.setdefault(step.id, path)

    def _step(self, path: Path, step: Step) -> Iterator[Finding]:
        for use in step.expressions():
            yield from self._use(path, use)
        for target in step.targets():
            if target not in self.places:
                yield self._finding(
                    path, f"there is no step `{target}`", _nearest(target, self.places), "unknown-target"
                )
        for clause in step.clauses():
            if clause.of is not None and clause.of != step.id and clause.of not in self.sending:
                yield self._finding(
                    path, f"`of: {clause.of}` names no send", _nearest(clause.of, self.sending), "unknown-of"
                )
        match step:
            case Send():
                yield from self._send(path, step)
            case WaitFor():
                yield from self._wait_for(path, step)
            case Wait():
                yield from self._wait(path, step)

    def _send(self, path: Path, step: Send) -> Iterator[Finding]:
        message = self.messages.get(step.send)
        if message is None and step.send in self.faulty_messages:
            return
        if message is None:
            remedy = _nearest(step.send, self.messages, f"write messages/{step.send}.yaml")
            yield self._finding((*path, "send"), f"there is no message `{step.send}`", remedy, "unknown-message")
            return
        via = step.via or message.channels
        if not step.via and len(message.channels) > 1:
            what = f"the message `{step.send}` goes by {', '.join(message.channels)}, and `via` is missing"
            yield self._finding(path, what, f"add `via: {message.channels[0]}`, for example", "no-via")
        for channel in via:
            if channel not in message.channels:
                what = f"the message `{step.send}` has no text for {channel}"
                yield self._finding(
                    (*path, "via"), what, f"write one, or choose {', '.join(message.channels)}", "no-text"
                )
            elif channel not in BUILT:
                yield self._finding(
                    (*path, "via"),
                    f"{channel} is not built in this release",
                    f"choose {' or '.join(BUILT)}",
                    "not-built",
                )
        yield from self._values(path, step, message)

    def _values(self, path: Path, step: Send, message: Message) -> Iterator[Finding]:
        """What the message shows must be something that this send can give it."""
        for reference in references(message):
            if fault := self._unknown_value(step, reference):
                yield self._finding(path, *fault, "unknown-value")
        used = {reference.root for reference in references(message)}
        for name in step.with_:
            if name not in used:
                what = f"the message `{step.send}` does not use `{name}`"
                yield self._finding((*path, "with"), what, "remove it, or use it in the text", "idle-value", warns=True)

    def _unknown_value(self, step: Send, reference: Reference) -> tuple[str, str] | None:
        root, *rest = reference.name.split(".")
        where = f"the message `{step.send}` ({reference.field}, line {reference.line})"
        if root not in ROOTS and root not in step.with_:
            remedy = _nearest(root, [*ROOTS, *step.with_], f"give it with `with: {{{root}: …}}`")
            return f"{where} shows `{reference.name}`, which exists nowhere", remedy
        if root == "steps" and rest and rest[0] not in self.steps:
            return f"{where} shows `{reference.name}`, but there is no step `{rest[0]}`", _nearest(rest[0], self.steps)
        if root == "event" and not self._waits_for_events:
            what = f"{where} shows `{reference.name}`, but no wait_for of the journey gives an event"
            return what, "use start.… for the event that started it"
        return None

    def _wait_for(self, path: Path, step: WaitFor) -> Iterator[Finding]:
        if step.within is None:
            if step.otherwise:
                yield self._finding(
                    (*path, "otherwise"),
                    "`otherwise` without `within` is never done",
                    "add `within: …`",
                    "idle-otherwise",
                )
            if step.reset_on:
                yield self._finding(
                    (*path, "reset_on"), "`reset_on` without `within` does nothing", "add `within: …`", "idle-reset"
                )
            if not self.journey.exit and not self.journey.goal:
                what = "waits without limit, and nothing ends the journey meanwhile"
                yield self._finding(
                    path, what, "add `within: …`, or an `exit` to the journey", "endless-wait", warns=True
                )
        elif step.within <= timedelta(0):
            yield self._finding(
                (*path, "within"), "the time limit is zero", "write for example `within: 1d`", "no-time"
            )

    def _wait(self, path: Path, step: Wait) -> Iterator[Finding]:
        if isinstance(step.wait, timedelta) and step.wait <= timedelta(0):
            yield self._finding(path, "the wait is zero long", "write for example `wait: 1h`, or remove it", "no-time")
        if isinstance(step.wait, InactiveWait) and step.wait.inactive <= timedelta(0):
            yield self._finding(path, "the silence is zero long", "write for example `inactive: 7d`", "no-time")
        if isinstance(step.wait, Until):
            if step.wait.rearm_on and "start" not in step.wait.until.roots:
                what = "`rearm_on` changes `start`, which the date does not use"
                yield self._finding(path, what, "compute the date from start.…, or remove rearm_on", "idle-rearm")
            if step.wait.again_if_moved and not step.wait.rearm_on:
                what = "`again_if_moved` without `rearm_on` does nothing"
                yield self._finding(path, what, "add `rearm_on: …`", "idle-again")

    # --- expressions

    def _use(self, path: Path, use: Use) -> Iterator[Finding]:
        place = (*path, *_fields(use.field))
        for root in sorted(use.expression.roots - use.roots):
            allowed = ", ".join(sorted(use.roots))
            if root in ROOTS:
                what, remedy = f"`{root}` may not be used here", f"use {allowed}"
            else:
                what, remedy = (
                    f"`{root}` is no name",
                    _nearest(root, use.roots, f"use {allowed}; texts stand in quotes"),
                )
            yield self._finding(place, what, remedy, "unknown-name")
        for function in sorted(use.expression.functions - FUNCTIONS):
            yield self._finding(
                place, f"there is no function `{function}`", _nearest(function, FUNCTIONS), "unknown-function"
            )
        for full in use.expression.paths:
            yield from self._path(place, full, use.roots)
        if "event" in use.expression.roots and path and not use.field.endswith("where") and not self._waits_for_events:
            what = "`event` is the event that ended a wait_for, and the journey has none"
            yield self._finding(place, what, "use start.… for the event that started it", "no-event")

    @property
    def _waits_for_events(self) -> bool:
        return bool(self.journey.stages) or any(isinstance(step, WaitFor | Repeat) for step in self.steps.values())

    def _path(self, place: Path, full: tuple[str, ...], allowed: frozenset[str]) -> Iterator[Finding]:
        root, *rest = full
        if root == "steps" and "steps" in allowed and rest and rest[0] not in self.steps:
            yield self._finding(
                place, f"there is no step `{rest[0]}`", _nearest(rest[0], self.steps), "unknown-step-name"
            )
        if root == "journeys" and rest and self.journeys is not None and rest[0] not in self.journeys:
            yield self._finding(
                place, f"there is no journey `{rest[0]}`", _nearest(rest[0], self.journeys), "unknown-journey"
            )
        if root == "repeat" and rest not in ([], ["index"]):
            yield self._finding(place, f"`repeat` has no `{rest[0]}`", "use repeat.index", "unknown-name")

    # --- ways through the journey

    def _ways(self) -> Iterator[Finding]:
        if any(target not in self.places for step in self.steps.values() for target in step.targets()):
            return
        program = Program(self.journey)
        ways = {name: _following(program, name) for name in program.place_by_id}
        reached = _reachable([*program.entry_by_stage.values(), program.first], ways)
        for path, step in self.placed:
            if step.id not in reached and not self._is_nested_in_unreached(path, reached):
                yield self._finding(
                    path, "nothing leads to this step", "remove it, or let a step above go on to it", "unreachable"
                )
        for name in _circle(reached, ways, program):
            path = next(path for path, step in self.placed if step.id == name)
            what = "a loop through this step can pass without any time"
            yield self._finding(
                path, what, "put a wait with a duration, or a wait_for, into the loop", "loop-without-wait"
            )

    def _is_nested_in_unreached(self, path: Path, reached: frozenset[str]) -> bool:
        around = [found for found in self.placed if found[0] != path and path[: len(found[0])] == found[0]]
        return any(step.id not in reached for _, step in around)

    def _size(self) -> Iterator[Finding]:
        size = len(define(self.journey).encode())
        if size > LARGEST:
            what = f"the journey is {size // 1024} KB without its notes; at most {LARGEST // 1024} KB can be carried"
            yield self._finding((), what, "split it into several journeys", "too-large")


def _placed_steps(journey: Journey) -> Iterator[tuple[Path, Step]]:
    """Each step with its place in the file."""

    def visit(block: tuple[Step, ...], path: Path) -> Iterator[tuple[Path, Step]]:
        for number, step in enumerate(block):
            here: Path = (*path, number)
            yield here, step
            for name, nested in step.blocks().items():
                yield from visit(nested, (*here, *_fields(name)))

    yield from visit(journey.steps, ("steps",))
    for name, stage in journey.stages.items():
        yield from visit(stage.steps, ("stages", name, "steps"))


def _fields(dotted: str) -> Path:
    return tuple(int(part) if part.isdigit() else part for part in dotted.split("."))


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


def _reachable(first: list[str | None], ways: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    reached: set[str] = set()
    ahead = [name for name in first if name]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead.extend(ways[name])
    return frozenset(reached)


def _circle(reached: frozenset[str], ways: Mapping[str, tuple[str, ...]], program: Program) -> Iterator[str]:
    """A step of each loop in which no step is sure to take time; the first that closes one."""
    quick = {name for name in reached if not _is_slow(program.place_by_id[name].step)}
    done: set[str] = set()
    for start in program.place_by_id:
        if start in quick and start not in done:
            inside = _loop_from(start, quick, ways)
            done |= inside
            if inside:
                yield start


def _loop_from(start: str, quick: set[str], ways: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The quick steps on a way from `start` back to it; empty when there is none."""
    ahead = _closure({way for way in ways[start] if way in quick}, quick, ways)
    return {name for name in ahead if start in _closure({name}, quick, ways)} if start in ahead else set()


def _closure(names: set[str], quick: set[str], ways: Mapping[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead.extend(way for way in ways[name] if way in quick)
    return found


def _is_slow(step: Step) -> bool:
    return step.enabled and step.when is None and step.takes_time()


def _nearest(name: str, known: Mapping[str, object] | frozenset[str] | list[str], otherwise: str = "") -> str:
    names = sorted(known)
    if close := difflib.get_close_matches(name, names, n=1, cutoff=0.6):
        return f"did you mean `{close[0]}`?"
    return otherwise or (f"there are {', '.join(names[:8])}" if names else "there is none yet")
