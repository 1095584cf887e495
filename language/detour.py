"""What takes an enrolment elsewhere than its steps lead: its end, another stage, a block's end, a date that moved."""

from language.context import Context, concerns
from language.run import Run
from language.state import State
from language.steps import Step, Until, Wait, moment_of


class Moved(Exception):
    """The enrolment goes on at another step; None: its steps are done."""

    def __init__(self, step: str | None) -> None:
        self.step = step


async def attend(run: Run, ctx: Context) -> None:
    """Act on what came from outside. Raises `Ended` or `Moved` when that takes the enrolment elsewhere."""
    state, seen_seq = run.state, None
    while seen_seq != state.seen_seq:  # more may come while this looks, and what was seen counts as acted on
        seen_seq = state.seen_seq
        run.stop_if_ended()
        if state.to_stage is not None:
            raise Moved(take_stage(run))
        await _leave_blocks(run, ctx)
        await _move_if_rearmed(run, ctx)


def take_stage(run: Run) -> str:
    """The first step of the stage to go to. What moved so far counts there when its waits are come to."""
    run.state.may_have_moved = False
    run.circles.forget()
    stage, run.state.to_stage = run.state.to_stage or "", None
    return run.program.entry_by_stage[stage]


def is_passed_over(state: State, step: Step) -> bool:
    """Whether the latest visit of a step did nothing: it was not enabled, or not wanted."""
    return "skipped" in state.results.get(step.id, {})


async def _leave_blocks(run: Run, ctx: Context) -> None:
    """Test what came since against the events that end the blocks around this step, the outermost first."""
    state, place_by_id = run.state, run.program.place_by_id
    while state.untested:
        fact = state.untested.pop(0)
        for step_id in place_by_id[state.step or ""].around:
            place = place_by_id[step_id]
            for clause in place.step.interrupts():
                if await concerns(ctx, clause, fact):
                    ctx.hear(fact, None)
                    state.results[step_id] = {"outcome": fact.name}
                    raise Moved(place.after)


async def _move_if_rearmed(run: Run, ctx: Context) -> None:
    """`again_if_moved`: a wait of this stage, already left, is waited for again when its date moved ahead."""
    state, program = run.state, run.program
    while state.may_have_moved:
        state.may_have_moved = False
        stage = program.stage_of(state.step)
        for step in program.moving:
            is_left = step.id in state.visits and step.id != state.step and not is_passed_over(state, step)
            if is_left and program.stage_of(step.id) == stage and await _lies_ahead(ctx, step):
                raise Moved(step.id)


async def _lies_ahead(ctx: Context, step: Step) -> bool:
    assert isinstance(step, Wait)
    assert isinstance(step.wait, Until)
    date = await moment_of(step.wait.until, ctx)
    return date is not None and date > ctx.now
