"""The steps of a journey. One frozen class each: its fields, its checks, where it leads, and what it does.

A class with a verb of its own is a step of the language: the loader, the checker, the JSON Schema, the simulator and
the workflow take it from `Step.__subclasses__()`.
"""

from language.steps.branch import Branch, BranchArm, Split, SplitArm
from language.steps.doing import Call, Coupon, Set, Start, Task
from language.steps.moving import GoTo, Repeat, Rest, Stop
from language.steps.send import Cascade, Rung, Send
from language.steps.step import HEAD_ROOTS, ROOTS, Block, Step, step_classes, waiting_verbs
from language.steps.wait import InactiveWait, Until, Wait, WindowWait, moment_of
from language.steps.wait_for import Arm, WaitFor

__all__ = [
    "HEAD_ROOTS",
    "ROOTS",
    "Arm",
    "Block",
    "Branch",
    "BranchArm",
    "Call",
    "Cascade",
    "Coupon",
    "GoTo",
    "InactiveWait",
    "Repeat",
    "Rest",
    "Rung",
    "Send",
    "Set",
    "Split",
    "SplitArm",
    "Start",
    "Step",
    "Stop",
    "Task",
    "Until",
    "Wait",
    "WaitFor",
    "WindowWait",
    "moment_of",
    "step_classes",
    "waiting_verbs",
]
