"""From the blocks of a journey to pieces."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from language.journey import Journey, walk
from language.steps import Block, Step, Stop
from scripts.drawing import words
from scripts.drawing.card import Line, make_card
from scripts.drawing.measure import BOLD, width_of, wrap
from scripts.drawing.palette import AMBER, LOOKS
from scripts.drawing.piece import Column, End, Fork, Loop, Piece, Slot, Still
from scripts.drawing.sheet import Box, Mark, MarkKind
from scripts.drawing.telling import Messages, step_card
from scripts.drawing.ways import Way, falls_through, way_label, ways_of

MARK_SIZE = 13.0
MARK_LEADING = 18.0
_MARK_TEXT = 220.0


@dataclass(frozen=True)
class Builder:
    """Makes pieces of one journey. `stage_by_step` holds all its steps, in the order in which they are written.

    `around` are the steps of the columns that a block stands in: those to which lines can be led from it.
    """

    journey: Journey
    messages: Messages
    stage_by_step: Mapping[str, str]
    around: frozenset[str] = frozenset()

    @classmethod
    def of(cls, journey: Journey, messages: Messages) -> "Builder":
        blocks = {"": journey.steps} | {name: stage.steps for name, stage in journey.stages.items()}
        return cls(journey, messages, {step.id: name for name, block in blocks.items() for step in walk(block)})

    def column(self, block: Block, *, end: Piece | None = None) -> Column:
        """A block, and what comes below its last step if something comes out of it."""
        own = frozenset(step.id for step in block)
        inside = replace(self, around=self.around | own)
        pieces = [inside._piece(step) for step in block]
        if end is not None and falls_through(block):
            pieces.append(end)
        return Column(pieces, own, inside._targets(block))

    def _targets(self, block: Block) -> tuple[str, ...]:
        """The steps to which lines lead from this block, of those around."""
        jumps = (target for step in walk(block) for target in step.targets())
        return tuple(dict.fromkeys(target for target in jumps if target in self.around))

    def _piece(self, step: Step) -> Piece:
        if step.when is not None and step.enabled and (ways_of(step) or not step.goes_on):
            return self._condition(step)
        if ways := ways_of(step):
            return Fork(self._still(step), [self._slot(way) for way in ways])
        if step.repeats_block and step.enabled:
            (block,) = step.blocks().values()
            return Loop(self._still(step), replace(self, around=frozenset()).column(block))
        if not step.goes_on and step.enabled:
            return self._end(step)
        return self._still(step)

    def _still(self, step: Step) -> Still:
        return Still(step_card(step, self.messages))

    def _slot(self, way: Way) -> Slot:
        return Slot(way.label, self.column(way.block))

    def _condition(self, step: Step) -> Piece:
        """A step that may be passed over, and that decides what comes next: a question before it."""
        assert step.when is not None
        question = Line(f"If {words.condition(step.when)}", "title")
        card = make_card(step.id, (LOOKS["branch"][0], AMBER), [question])
        asked = step.model_copy(update={"when": None})
        yes = Way(way_label("yes"), (asked,))
        return Fork(Still(card), [Slot(way_label("no"), Column(())), self._slot(yes)])

    def _end(self, step: Step) -> Piece:
        if isinstance(step, Stop):
            return end_mark(f"End: {step.stop}")
        (target, *_) = step.targets() or ("",)
        if target in self.journey.stages:
            return _mark(f"to the stage {target}", "on")
        known = next((other for other in self.journey.every_step() if other.id == target), None)
        return self._jump(step, known) if known else end_mark(step.title())

    def _jump(self, step: Step, target: Step) -> Piece:
        """Named as the card is to which it leads, and with the stage if that is another one."""
        order = list(self.stage_by_step)
        is_back = order.index(target.id) <= order.index(step.id)
        (head, *_) = step_card(target, {}).whole.splitlines()
        stage = self.stage_by_step[target.id]
        place = f" (stage {stage})" if stage != self.stage_by_step[step.id] else ""
        mark = _mark(f"{'back' if is_back else 'on'} to: {head}{place}", "back" if is_back else "on")
        return replace(mark, target=target.id)


def end_mark(text: str) -> End:
    return _mark(text, "end")


def rest_mark(text: str) -> End:
    return _mark(text, "rest")


def _mark(text: str, kind: MarkKind) -> End:
    lines = wrap(text, _MARK_TEXT, MARK_SIZE, BOLD, 3)
    width = max(width_of(line, MARK_SIZE, BOLD) for line in lines) + 52
    return End(Mark(Box(0, 0, width, MARK_LEADING * len(lines) + 14), lines, kind))
