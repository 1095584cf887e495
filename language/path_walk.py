"""The graph of what may happen in a journey: from each state all ways on, without running any step."""

from collections.abc import Iterator
from dataclasses import replace

from language.context import Next
from language.ending import NO_TIME, Ending, Result
from language.expression import Expression
from language.path_condition import UNKNOWN, decide
from language.path_shape import circling, read_from
from language.path_way import Choice, Left, PathMessage, State, Way, later, plus
from language.program import Place, Program
from language.steps import Repeat, Rest

MOST_VISITS = 2
MOST_WITHIN = 64
"""Ways through one block that repeats."""

MOST_LEAVING = 128
"""Ways out of such a block in its last pass, each after every way of the passes before."""

MOST_MESSAGES = 1_000
"""Messages of one way: of what repeats that often, the rest is not listed."""


class Walk:
    """All ways on from a state. `has_left_out`: what repeats can be gone through in more ways than were looked at.

    `crosses`: a `go_to` to a step of another stage is followed; else the way ends there.
    """

    def __init__(self, program: Program, *, crosses: bool = False) -> None:
        self._program, self._crosses = program, crosses
        self._ways: dict[tuple[str | None, str, str], list[Way]] = {}
        self._decided: dict[tuple[str, str], bool | None] = {}
        self._read_from = read_from(program)
        self._read = frozenset[str]().union(*self._read_from.values())
        self._circling = circling(program)
        self.has_left_out = False

    def begin(self, stage: str, step: str | None, *, anew: bool) -> State:
        """Before a step of a stage ('' without stages): what steps of other stages left, nobody can tell.

        `anew`: it is the customer's first time in this stage; else its own steps may have been passed before as well.
        """
        if not stage:
            return State(step)
        others = (name for name in self._read if not anew or self._program.stage_of(name) != stage)
        return State(step, dict.fromkeys(others, UNKNOWN))

    def onward(self, state: State) -> list[Way]:
        """The ways past the step that the state stands before."""
        if state.key not in self._ways:
            self._ways[state.key] = list(self._onward(state))
        return self._ways[state.key]

    def _onward(self, state: State) -> Iterator[Way]:
        if state.step is None:
            yield Way(state, end="completed")
            return
        place = self._program.place_by_id[state.step]
        step, visits = place.step, state.visits.get(state.step, ())
        if len(visits) >= MOST_VISITS and state.knowledge in visits:
            yield Way(state, end=f"goes round again from {state.step}", is_endless=True)
        elif isinstance(step, Rest):
            yield Way(state, end=f"rests in {place.stage} until the next status")
        else:
            if state.step in self._circling:
                state = replace(state, visits={**state.visits, state.step: (*visits, state.knowledge)})
            yield from self._past(state, place)

    def _past(self, state: State, place: Place) -> Iterator[Way]:
        step = place.step
        is_wanted = step.enabled and (step.when is None or self._decide(step.when, state.left))
        if is_wanted is not True:
            words = f"not: {step.when.source}" if step.when is not None and is_wanted is None else "passed over"
            yield self._gone(state, step.id, words, place.after, ({"skipped": words},))
        if is_wanted is not False:
            yield from self._repeat(state, place, step) if isinstance(step, Repeat) else self._endings(state, place)

    def _gone(self, state: State, step: str, words: str, to: str | None, results: tuple[Result, ...]) -> Way:
        read = self._read_from.get(to, frozenset())
        left = {name: it for name, it in {**state.left, step: results}.items() if name in read}
        return Way(replace(state, step=to, left=left), (Choice(step, words),))

    # --- one step

    def _decide(self, expression: Expression, left: Left) -> bool | None:
        """`decide`, asked once of the same."""
        key = expression.source, repr([left.get(path[1]) for path in expression.paths if len(path) > 1])
        if key not in self._decided:
            self._decided[key] = decide(expression, left)
        return self._decided[key]

    def _endings(self, state: State, place: Place) -> Iterator[Way]:
        cuts: set[tuple[PathMessage, ...]] = set()
        for ending in place.step.endings():
            is_so = True if ending.if_ is None else self._decide(ending.if_, state.left)
            if is_so is not False:
                way = self._ended(state, place, ending)
                yield way
                if way.most != NO_TIME and way.messages not in cuts:
                    cuts.add(way.messages)
                    yield from self._cut(state, place, way)
            if is_so is True and ending.if_ is not None:
                return

    def _ended(self, state: State, place: Place, ending: Ending) -> Way:
        step, to = place.step, ending.to
        end = to.to if to.way == "finish" else self._elsewhere(place, to)
        follows = None if end else self._program.follow(step.id, to)
        messages = (PathMessage(step.id, it.message, it.channel, it.after, it.after) for it in ending.sends)
        gone = self._gone(state, step.id, ending.words, follows, ending.results)
        return replace(gone, messages=tuple(messages), least=ending.least, most=ending.most, end=end)

    def _elsewhere(self, place: Place, to: Next) -> str | None:
        """In words, where a jump leaves the stage."""
        if to.way != "go_to":
            return None
        if to.to in self._program.entry_by_stage:
            return f"goes to the stage {to.to}"
        stage = self._program.stage_of(to.to)
        return None if self._crosses or stage == place.stage else f"goes on at {to.to} in the stage {stage}"

    def _cut(self, state: State, place: Place, way: Way) -> Iterator[Way]:
        """The wait broken off by what ends a block around it."""
        for name in place.around:
            block = self._program.place_by_id[name]
            if block.step.interrupts() and name != place.step.id:
                least = max((it.least for it in way.messages), default=NO_TIME)
                gone = self._interrupted(state, block)
                choices = (Choice(place.step.id, "broken off"), *gone.choices)
                yield replace(gone, choices=choices, messages=way.messages, least=least, most=way.most)

    def _interrupted(self, state: State, block: Place) -> Way:
        name = " or ".join(name for clause in block.step.interrupts() for name in clause.on)
        return self._gone(state, block.step.id, f"on {name}", block.after, ({"outcome": name},))

    # --- what repeats

    def _repeat(self, state: State, place: Place, step: Repeat) -> Iterator[Way]:
        """All passes alike; or left for elsewhere in the first pass, or in the last after others that are alike."""
        inside = dict.fromkeys(self._inside(step.id) & self._read, UNKNOWN)
        begins = replace(state, step=place.ways["do"], left={**state.left, **inside})
        ways = list(self._within(begins, step.id))
        back = [way for way in ways if way.end is None and way.to.step == step.id]
        for way in back:
            yield from self._passed(way, place, step)
        away = [way for way in ways if way.end is not None or way.to.step != step.id]
        self.has_left_out = self.has_left_out or len(away) * len(back) > MOST_LEAVING
        for number, way in enumerate(away):
            yield way
            if step.repeat > 1 and number * len(back) < MOST_LEAVING:
                yield from (self._times(it, step, step.repeat - 1).then(way) for it in back)

    def _passed(self, way: Way, place: Place, step: Repeat) -> Iterator[Way]:
        """All passes; or ended by an event after the first, or before the last."""
        words, results = f"{step.repeat} times", ({"outcome": "done"},)
        yield self._times(way, step, step.repeat, is_last=True).then(
            self._gone(way.to, step.id, words, place.after, results)
        )
        for times in sorted({1, step.repeat - 1} - {0}) if step.until and step.repeat > 1 else ():
            yield self._broken_off(way, step, times).then(self._interrupted(way.to, place))

    def _broken_off(self, way: Way, step: Repeat, times: int) -> Way:
        """So many passes whole, and no next one."""
        whole = self._times(way, step, times, is_last=True)
        return replace(whole, most=plus(whole.most, step.every or NO_TIME))

    def _times(self, way: Way, step: Repeat, times: int, *, is_last: bool = False) -> Way:
        """So many passes alike, with the time until the next one unless `is_last`."""
        every = step.every or NO_TIME
        length, longest = max(every, way.least), None if way.most is None else max(every, way.most)
        listed = min(times, MOST_MESSAGES // max(len(way.messages), 1))
        self.has_left_out = self.has_left_out or listed < times
        messages = [
            it
            for number in range(listed)
            for it in later(way.messages, number * length, None if longest is None else number * longest)
        ]
        most = (
            None
            if longest is None
            else (times - 1) * longest + (way.most if is_last and way.most is not None else longest)
        )
        least = (times - 1) * length + (way.least if is_last else length)
        return replace(way, messages=tuple(messages), least=least, most=most)

    def _within(self, state: State, block: str) -> Iterator[Way]:
        """All ways through a block: back to its step, to an end, or to a step outside."""
        found = 0
        pending = [Way(state)]
        while pending:
            way = pending.pop()
            if way.end is not None or way.to.step == block or not self._is_inside(way.to.step, block):
                found += 1
                if found > MOST_WITHIN:
                    self.has_left_out = True
                    return
                yield way
            else:
                pending.extend(way.then(following) for following in reversed(self.onward(way.to)))

    def _is_inside(self, step: str | None, block: str) -> bool:
        return step is not None and block in self._program.place_by_id[step].around

    def _inside(self, block: str) -> frozenset[str]:
        return frozenset(name for name in self._program.place_by_id if self._is_inside(name, block))
