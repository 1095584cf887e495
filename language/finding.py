"""What is wrong with a file: where, which step, what, and how to mend it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

CODES = frozenset(
    [
        "always-quiet",
        "always-true",
        "bad-name",
        "bad-type",
        "bad-value",
        "breaks-cap",
        "breaks-gap",
        "constant-key",
        "costly-character",
        "dead-status",
        "dead-way",
        "duplicate-field",
        "empty",
        "endless-wait",
        "file-name",
        "file-too-large",
        "idle-again",
        "idle-control",
        "idle-escalate",
        "idle-match",
        "idle-of",
        "idle-on-cap",
        "idle-otherwise",
        "idle-rearm",
        "idle-reset",
        "idle-results",
        "idle-status",
        "idle-until",
        "idle-value",
        "impossible-value",
        "keyless-event",
        "long-sms",
        "loop-without-wait",
        "missing-field",
        "missing-locale",
        "near-event",
        "near-status",
        "never-done",
        "never-true",
        "no-code",
        "no-event",
        "no-fields",
        "no-file",
        "no-goal",
        "no-opt-out",
        "no-price",
        "no-repeat",
        "no-text",
        "no-time",
        "no-title",
        "no-verb",
        "no-via",
        "not-a-condition",
        "not-a-moment",
        "not-a-number",
        "not-a-step",
        "not-built",
        "not-callable",
        "not-computable",
        "not-yaml",
        "other-arms",
        "over-budget",
        "same-id",
        "same-status",
        "several-verbs",
        "short-validity",
        "starts-itself",
        "too-deep",
        "too-large",
        "two-at-once",
        "type-mismatch",
        "unasked-digits",
        "unknown-destination",
        "unknown-field",
        "unknown-field-of-step",
        "unknown-function",
        "unknown-journey",
        "unknown-message",
        "unknown-name",
        "unknown-of",
        "unknown-step",
        "unknown-step-name",
        "unknown-target",
        "unknown-topic",
        "unknown-value",
        "unlisted-topic",
        "unreachable",
        "unsent-event",
        "used-before",
        "wrong-arguments",
    ]
)
"""What can be wrong. Each has its heading in docs/findings.md; none ever changes its meaning."""


class Finding(BaseModel):
    """One fault. An `error` blocks publishing, a `warning` does not. `code` is stable, one of `CODES`."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int
    step: str
    what: str
    remedy: str
    code: str
    severity: Literal["error", "warning"] = "error"

    @field_validator("code")
    @classmethod
    def _is_explained(cls, code: str) -> str:
        if code not in CODES:
            raise ValueError(f"{code} is no code; add it to CODES and to docs/findings.md")
        return code

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else "warning: "
        return f"{self.file}:{self.line}: {self.step}: {mark}{self.what}; {self.remedy}"
