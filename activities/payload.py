"""What workflows and activities say to each other; the vocabulary is the interpreter's."""

from language.port import (
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
