"""The control group of a journey, or of one of its stages: customers who get no messages, for comparison."""

from language.context import Context
from language.lot import HELD_OUT
from language.port import DrawArm
from language.run import Run


async def is_held_out(run: Run, ctx: Context) -> bool:
    """Whether the customer is in the control group of this journey, or of this stage; drawn once."""
    journey, stage = run.program.journey, run.program.stage_of(run.state.step)
    of_stage = journey.stages[stage].control if stage else None
    control = journey.control if of_stage is None else of_stage
    if not control:
        return False
    arms = run.state.arms
    experiment = f"control/{journey.journey}" + (f"/{stage}" if of_stage is not None else "")
    if experiment not in arms:
        shares = {HELD_OUT: control, "messaged": 100 - control}
        answer = await ctx.do(DrawArm, experiment=experiment, shares=shares)
        if answer.verdict == "done":
            arms[experiment] = str(answer.result["arm"])
    return arms.get(experiment) == HELD_OUT
