"""How long a text with Liquid in it is, before anything is known of the customer."""

import re
from collections.abc import Callable

from language.segments import count_segments
from language.tracked_links import USUAL_LENGTH

_NEVER_SHOWN = re.compile(r"\{%-?\s*(comment|capture)\b.*?%\}.*?\{%-?\s*end\1\s*-?%\}", re.DOTALL)
_INNERMOST = re.compile(
    r"\{%-?\s*(if|unless|case|for)\b[^%]*%\}((?:(?!\{%-?\s*(?:if|unless|case|for)\b).)*?)\{%-?\s*end\1\s*-?%\}",
    re.DOTALL,
)
_ELSE = re.compile(r"\{%-?\s*(?:else|elsif|when)\b[^%]*%\}")
_TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_WORD = 16
"""Characters that a value such as a name has at most as a rule."""

Pick = Callable[[list[str]], str]


def shortest(text: str) -> str:
    """The text with its shortest alternatives and nothing filled in: no customer gets a shorter one."""
    return _plain(text, lambda ways: min(ways, key=len), lambda _: "")


def most_segments(text: str) -> int:
    """How many SMS parts it may have, with values of usual length."""
    return count_segments(_plain(text, lambda ways: max(ways, key=len), _usual))


def _usual(value: str) -> str:
    return "x" * (USUAL_LENGTH if "link" in value else _WORD)


def _plain(text: str, pick: Pick, fill: Callable[[str], str]) -> str:
    text, found = _NEVER_SHOWN.sub("", text), 1
    while found:
        text, found = _INNERMOST.subn(lambda block: pick(_ways(block)), text)
    return _VALUE.sub(lambda value: fill(value[0]), _TAG.sub("", text)).strip()


def _ways(block: re.Match[str]) -> list[str]:
    ways = _ELSE.split(block[2])
    has_rest = block[1] in ("if", "unless") and re.search(r"\{%-?\s*else\s*-?%\}", block[2])
    return ways if has_rest else [*ways, ""]
