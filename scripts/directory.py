"""Journeys' directories on disk."""

from collections.abc import Iterable
from pathlib import Path

from activities.functions import registered
from language.library import Library, read_library


def read_directories(paths: Iterable[Path]) -> Library:
    """All YAML under the directories that these files and directories belong to; files appear under their own paths."""
    text_by_file: dict[str, str] = {}
    for root in dict.fromkeys(journeys_root(path) for path in paths):
        for file in sorted(root.rglob("*.yaml")):
            text_by_file[str(file)] = file.read_text("utf-8", errors="replace")
    return read_library(text_by_file, registered())


def journeys_root(path: Path) -> Path:
    """The directory of journeys that a path belongs to: above `messages/` and `scenarios/`."""
    directory = path if path.is_dir() else path.parent
    return directory.parent if directory.name in ("messages", "scenarios") else directory
