"""YAML text as plain data that remembers its lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.parser import Parser
from ruamel.yaml.scanner import Scanner

from language.finding import Finding

Path = tuple[str | int, ...]
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_WORDS = (
    ("character '\\t'", "a tab stands where spaces are needed", "indent with spaces"),
    ("end of stream", "a quote or bracket is not closed", "close it"),
    ("another document", "a second document begins here", "write one document a file, without `---` in between"),
    ("mapping values are not allowed", "a colon stands inside a text", "put the whole text in quotes"),
    ("expected <block end>", "this line is not indented like those it belongs to", "align it with them"),
    ("could not find expected ':'", "a field without its colon", "write `name: value`"),
    ("undefined alias", "a text begins with `*`", "put it in quotes"),
)
"""Parts of the parser's complaints, in words for people, and what to do."""
LARGEST = 1_000_000
MOST_PLACES = 50_000
DEEPEST = 60


@dataclass(frozen=True)
class Source:
    """A file's data and the line (from 1) on which each place in it stands."""

    file: str
    data: Any
    line_by_path: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of the nearest place that exists; a list of one may be written without its `-`."""
        place: Path = ()
        for part in path:
            if (*place, part) in self.line_by_path:
                place = (*place, part)
            elif isinstance(part, str):
                break
        return self.line_by_path.get(place, 1)


class Unreadable(Exception):
    """The text is not YAML that can be used."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


def read_yaml(file: str, text: str) -> Source:
    """Read one YAML 1.2 document; raises `Unreadable`."""
    if len(text) > LARGEST:
        raise _unreadable(file, 1, "the file is larger than a megabyte", "split it", "file-too-large")
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        what = f"there is an invisible character (U+{ord(found[0]):04X})"
        raise _unreadable(file, line, what, "delete it, or type the line anew", "not-yaml")
    try:
        loaded = _load(text)
    except DuplicateKeyError as error:
        raise _duplicate(file, error) from None
    except MarkedYAMLError as error:
        raise _not_yaml(file, error) from None
    except Exception as error:  # odd tags and numbers make the parser raise nearly anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unreadable(file, 1, f"not YAML: {reason}", "mend the text", "not-yaml") from None
    lines: dict[Path, int] = {(): 1}
    try:
        return Source(file, _plain(loaded, (), lines), lines)
    except RecursionError:
        what, remedy = "nested too deeply", f"at most {DEEPEST} levels and {MOST_PLACES} values"
        raise _unreadable(file, 1, what, remedy, "too-deep") from None


def _load(text: str) -> Any:
    """Without gathering the comments, which takes a third of the time. Looking for them means to look ahead: of two
    mistakes another one is found first, so that all are told of by the usual reader."""
    without_comments = YAML(typ="rt", pure=True)
    without_comments.Scanner, without_comments.Parser = Scanner, Parser
    try:
        return without_comments.load(StringIO(text))
    except Exception:  # as above
        return YAML(typ="rt", pure=True).load(StringIO(text))


def _unreadable(file: str, line: int, what: str, remedy: str, code: str) -> Unreadable:
    return Unreadable(Finding(file=file, line=line, step="file", what=what, remedy=remedy, code=code))


def _duplicate(file: str, error: DuplicateKeyError) -> Unreadable:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    name = str(error.problem).split('"')[1] if '"' in str(error.problem) else "a key"
    return _unreadable(file, line, f"`{name}` stands twice in the same place", "keep one of them", "duplicate-field")


def _not_yaml(file: str, error: MarkedYAMLError) -> Unreadable:
    problem = str(error.problem or error.context)
    unknown = (f"not YAML: {problem}", "check the indentation, the colons and the quotes around here")
    what, remedy = next(((what, do) for part, what, do in _IN_WORDS if part in problem), unknown)
    # An open quote or bracket is found at the end of the file; it was opened where the context begins.
    mark = error.context_mark if "end of stream" in problem else error.problem_mark
    mark = mark or error.problem_mark or error.context_mark
    return _unreadable(file, mark.line + 1 if mark else 1, what, remedy, "not-yaml")


def _plain(value: Any, path: Path, lines: dict[Path, int]) -> Any:
    if len(path) > DEEPEST or len(lines) > MOST_PLACES:
        raise RecursionError
    if isinstance(value, CommentedMap):
        return {_text(key): _placed(value, key, (*path, _text(key)), lines) for key in value}
    if isinstance(value, CommentedSeq):
        return [_placed(value, number, (*path, number), lines) for number in range(len(value))]
    if isinstance(value, bool):
        return bool(value)
    if isinstance(value, date):
        return value.isoformat()
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return None if value is None else str(value)


def _placed(holder: Any, key: Any, path: Path, lines: dict[Path, int]) -> Any:
    place = holder.lc.data.get(key) if holder.lc.data else None
    lines[path] = (place[0] if place else holder.lc.line or 0) + 1
    return _plain(holder[key], path, lines)


def _text(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return str(key)
