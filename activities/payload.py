"""What workflows and activities say to each other; the vocabulary is the interpreter's."""

from language.port import (
    Frozen,
    Known,
    LookUp,
    Progress,
    Receipt,
    SendMessage,
    SetTraits,
    Standing,
    StepTrace,
    Verdict,
)

__all__ = [
    "Frozen",
    "Known",
    "LookUp",
    "Progress",
    "Receipt",
    "SendMessage",
    "SetTraits",
    "Standing",
    "StepTrace",
    "Verdict",
]
