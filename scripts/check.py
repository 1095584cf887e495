"""`sojourn check`: one line per finding."""

from pathlib import Path

from language.finding import Finding
from scripts.directory import read_directories


def run(paths: list[Path]) -> int:
    """Print what is wrong in these files or directories; 1 when anything is an error."""
    missing = [path for path in paths if not path.exists()]
    for path in missing:
        print(f"{path}:1: file: there is no such file or directory; check the spelling")
    library = read_directories(path for path in paths if path.exists())
    findings = [finding for finding in library.findings if _is_asked(finding, paths)]
    for finding in findings:
        print(finding)
    errors = sum(finding.severity == "error" for finding in findings) + len(missing)
    if not findings and not missing:
        counts = {"journey": library.journeys, "message": library.messages, "scenario": library.scenarios}
        print(", ".join(_counted(len(found), name) for name, found in counts.items()) + ": fine")
    return 1 if errors else 0


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _is_asked(finding: Finding, paths: list[Path]) -> bool:
    """Only files that were named, or lie under a directory that was."""
    file = Path(finding.file)
    return any(file == path or path in file.parents for path in paths)
