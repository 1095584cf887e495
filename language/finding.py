"""What is wrong with a file: where, which step, what, and how to mend it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Finding(BaseModel):
    """One fault. An `error` blocks publishing, a `warning` does not. `code` is stable."""

    model_config = ConfigDict(frozen=True)

    file: str
    line: int
    step: str
    what: str
    remedy: str
    code: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        mark = "" if self.severity == "error" else "warning: "
        return f"{self.file}:{self.line}: {self.step}: {mark}{self.what}; {self.remedy}"
