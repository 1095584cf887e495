"""Reading a directory of journeys for tests: once, as long as its files stay the same."""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from language.finding import Finding
from language.library import Library
from runtime.settings import load_settings
from scripts.directory import read_directories
from worker.functions import import_functions

Stamp = tuple[tuple[str, int], ...]


def read(root: Path) -> Library:
    """The library of a directory, with the functions that SOJOURN_FUNCTIONS names."""
    files = sorted(root.rglob("*.yaml"))
    return _read(root, tuple((str(file), file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=8)
def _read(root: Path, _: Stamp) -> Library:
    import_functions(load_settings().functions)
    return read_directories([root])


def errors_about(library: Library, root: Path, journey: str | None, scenario: Path | None = None) -> list[Finding]:
    """The errors that keep a journey from being played: its own, and those of what it needs."""
    files = {root / "policy.yaml", root / "destinations.yaml", scenario}
    if journey is not None:
        known = library.journeys.get(journey)
        messages = {message for step in known.every_step() for message in step.sends()} if known else set()
        files |= {root / f"{journey}.yaml", *(root / "messages" / f"{message}.yaml" for message in messages)}
    return [finding for finding in library.errors if Path(finding.file) in files]


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for whoever has mistyped a name."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(names) or 'none'}"
