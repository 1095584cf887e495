"""`sojourn check`: one line per finding, or JSON; and what a finding means."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from language.finding import Finding
from language.library import Library
from scripts.directory import read_directories
from scripts.findings import explain


def run(paths: list[Path], *, as_json: bool = False) -> int:
    """Print what is wrong in these files or directories; 1 when anything is an error."""
    missing = [_missing(path) for path in paths if not path.exists()]
    library = read_directories(path for path in paths if path.exists())
    findings = [*missing, *(finding for finding in library.findings if _is_asked(finding, paths))]
    if as_json:
        print(json.dumps(_report(library, findings), indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            print(finding)
        if not findings:
            print(
                ", ".join(_counted(count, name.removesuffix("s")) for name, count in _counts(library).items())
                + ": fine"
            )
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def run_explain(code: str) -> int:
    """Print what a finding's code means, with an example wrong and mended; 1 when there is no such code."""
    text = explain(code)
    print(text or f"there is no finding `{code}`; `sojourn check --json` shows the codes of yours")
    return 0 if text else 1


def _missing(path: Path) -> Finding:
    what, remedy = "there is no such file or directory", "check the spelling"
    return Finding(file=str(path), line=1, step="file", what=what, remedy=remedy, code="no-file")


def _report(library: Library, findings: Sequence[Finding]) -> dict[str, Any]:
    errors = sum(finding.severity == "error" for finding in findings)
    return {
        "findings": [finding.model_dump() for finding in findings],
        "errors": errors,
        "warnings": len(findings) - errors,
        "checked": _counts(library),
    }


def _counts(library: Library) -> dict[str, int]:
    return {
        "journeys": len(library.journeys),
        "messages": len(library.messages),
        "scenarios": len(library.scenarios),
    }


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _is_asked(finding: Finding, paths: list[Path]) -> bool:
    """Only files that were named, or lie under a directory that was."""
    file = Path(finding.file)
    return any(file == path or path in file.parents for path in paths)
