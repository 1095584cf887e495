"""Deciding which way to go: by a condition, or by lot."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator

from language.clause import Use
from language.context import Context, Next, enter
from language.ending import Ending
from language.expression import Expression
from language.part import Part
from language.port import DrawArm
from language.steps.step import ROOTS, Block, Step


class BranchArm(Part):
    """One way of a branch."""

    when: Expression = Field(description="The way is taken if this is true.", examples=["profile.city == 'Recife'"])
    do: Block = Field(default=(), description="What is done then.")


class Branch(Step):
    """Take the first way whose condition is true."""

    verb: ClassVar[str] = "branch"
    numbered: ClassVar[bool] = True
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "branch": [{"when": "profile.city == 'Recife'", "do": [{"send": "welcome_local"}]}],
                    "otherwise": [{"send": "welcome"}],
                }
            ]
        }
    )

    branch: tuple[BranchArm, ...] = Field(
        min_length=1, description="The ways, in their order: the first whose `when` is true is taken."
    )
    otherwise: Block = Field(default=(), description="What is done when no condition is true.")

    def blocks(self) -> Mapping[str, Block]:
        return {f"branch.{n}.do": arm.do for n, arm in enumerate(self.branch)} | {"otherwise": self.otherwise}

    def way_in_words(self, block: str) -> str:
        return block if block == "otherwise" else f"if {self.branch[int(block.split('.')[1])].when.source}"

    def own_expressions(self) -> Iterator[Use]:
        for number, arm in enumerate(self.branch):
            yield Use(f"branch.{number}.when", arm.when, ROOTS)

    def endings(self) -> Iterator[Ending]:
        for number, arm in enumerate(self.branch):
            block = f"branch.{number}.do"
            left = {"outcome": arm.when.source}
            yield Ending(self.way_in_words(block), enter(block), if_=arm.when, results=(left,))
        yield Ending("otherwise", enter("otherwise"), results=({"outcome": "otherwise"},))

    async def run(self, ctx: Context) -> Next:
        for number, arm in enumerate(self.branch):
            if await ctx.evaluate(arm.when) is True:
                ctx.leave({"outcome": arm.when.source})
                return enter(f"branch.{number}.do")
        ctx.leave({"outcome": "otherwise"})
        return enter("otherwise")


class SplitArm(Part):
    """One arm of an experiment."""

    arm: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The arm's name.", examples=["friendly"])
    share: float = Field(gt=0, le=100, description="Per cent.")
    do: Block = Field(default=(), description="What is done with those in it; left out: nothing.")


class Winner(Part):
    """When an arm has won: newcomers go there."""

    winner_by: Literal["goal"] = Field(
        default="goal", alias="by", description="By what arms are compared: how many of each reached the goal."
    )
    confidence: float = Field(default=0.95, ge=0.5, lt=1, description="How sure it has to be, as a share of 1.")
    at_least: int = Field(default=200, ge=1, description="Enrolments in each arm before anything is judged.")


class Split(Step):
    """Try several ways on different customers. A customer keeps the arm, across versions and re-entry."""

    verb: ClassVar[str] = "split"
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "split": "reminder_tone",
                    "arms": [
                        {"arm": "friendly", "share": 50, "do": [{"send": "reminder_friendly"}]},
                        {"arm": "formal", "share": 50, "do": [{"send": "reminder_formal"}]},
                    ],
                }
            ]
        }
    )

    split: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The experiment's name.", examples=["reminder_tone"])
    arms: tuple[SplitArm, ...] = Field(min_length=2, description="The ways and how many per cent go each; 100 in all.")
    winner: Winner | None = Field(default=None, description="When newcomers all go to the best arm. Default: never.")

    @field_validator("arms")
    @classmethod
    def _whole(cls, arms: tuple[SplitArm, ...]) -> tuple[SplitArm, ...]:
        if len({arm.arm for arm in arms}) != len(arms):
            raise ValueError("two arms have the same name; give each its own")
        total = sum(arm.share for arm in arms)
        if abs(total - 100) > 0.01:
            raise ValueError(f"the shares add up to {total:g}; make them 100")
        return arms

    def default_id(self) -> str:
        return f"split_{self.split}"

    def title(self) -> str:
        return f"experiment {self.split}"

    def blocks(self) -> Mapping[str, Block]:
        return {f"arms.{n}.do": arm.do for n, arm in enumerate(self.arms)}

    def way_in_words(self, block: str) -> str:
        arm = self.arms[int(block.split(".")[1])]
        return f"{arm.arm} ({arm.share:g} %)"

    def endings(self) -> Iterator[Ending]:
        for number, arm in enumerate(self.arms):
            block = f"arms.{number}.do"
            yield Ending(self.way_in_words(block), enter(block), results=({"outcome": arm.arm},))

    async def run(self, ctx: Context) -> Next:
        shares = {arm.arm: arm.share for arm in self.arms}
        judged = self.winner.model_dump() if self.winner else {}
        answer = await ctx.do(DrawArm, experiment=self.split, shares=shares, **judged)
        names = [arm.arm for arm in self.arms]
        drawn = str(answer.result.get("arm", ""))
        number = names.index(drawn) if drawn in names else 0
        ctx.leave({"outcome": names[number]})
        return enter(f"arms.{number}.do")
