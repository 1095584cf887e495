"""Markdown for e-mails: no raw HTML, a paragraph that is only a link becomes a button, values come in last.

While the Markdown is read, a mark stands for each of the customer's values, so no value can be read as Markdown.
"""

import html
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from language.dialect import Ink, encode_url

_BUTTON = (
    "display:inline-block;padding:12px 24px;border-radius:6px;background:#1f5eff;color:#ffffff;"
    "font-weight:600;text-decoration:none"
)
_ADDRESS = re.compile(r'(href|src)="([^"]*)"')
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def markdown_to_html(source: str, ink: Ink) -> str:
    """The HTML of a Markdown text that was rendered with `ink`; the values are filled in, escaped."""
    return _fill(_skeleton(source), ink)


@lru_cache(maxsize=512)
def _skeleton(source: str) -> str:
    """The HTML with the marks still in it: the same for all customers who get the same passages."""
    tokens = _MARKDOWN.parse(source)
    for opening, inline in pairwise(tokens):
        if opening.type == "paragraph_open":
            _make_button(inline)
    return str(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _make_button(inline: Token) -> None:
    children: Sequence[Token] = [child for child in inline.children or () if child.content or child.type != "text"]
    links = [child for child in children if child.type == "link_open"]
    is_only_link = len(links) == 1 and children[0] is links[0] and children[-1].type == "link_close"
    if is_only_link and links[0].markup != "autolink":
        links[0].attrSet("style", _BUTTON)


def _fill(rendered: str, ink: Ink) -> str:
    """Addresses first, each as a whole. Nothing filled in is looked at again: a value may look like a mark."""
    parts: list[str] = []
    end = 0
    for found in _ADDRESS.finditer(rendered):
        parts += [_fill_text(rendered[end : found.start()], ink), f'{found[1]}="{_address(found[2], ink)}"']
        end = found.end()
    return "".join([*parts, _fill_text(rendered[end:], ink)])


def _fill_text(part: str, ink: Ink) -> str:
    return ink.fill(part, lambda text: html.escape(text).replace("\n", "<br>\n"))


def _address(escaped: str, ink: Ink) -> str:
    url = encode_url(ink.fill(html.unescape(escaped), str))
    return html.escape(url) if _is_address(url) else "#"


def _is_address(url: str) -> bool:
    try:
        return urlsplit(url).scheme in _SCHEMES
    except ValueError:
        return False
