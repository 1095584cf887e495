"""The plain-text part of an e-mail, made from its HTML."""

import re
from html.parser import HTMLParser

_BLOCKS = frozenset({"p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ul", "ol", "tr"})
_APART = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "table", "ul", "ol"})
_SILENT = frozenset({"head", "style", "script", "title"})
_VOID = frozenset({"br", "hr", "img", "meta", "link", "input", "col", "wbr", "source", "area", "base", "embed"})
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)


def html_to_text(html: str) -> str:
    """Paragraphs, lists and links (`text: address`) as plain lines; hidden passages are left out."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent_depth = 0
        self._lists: list[int | None] = []
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if self._silent_depth or tag in _SILENT or _HIDDEN.search(values.get("style") or ""):
            self._silent_depth += tag not in _VOID
        elif tag == "a":
            self._links.append((values.get("href") or "", len(self.parts)))
        elif tag == "img":
            self.parts.append(values.get("alt") or "")
        elif tag == "li":
            self.parts.append(self._bullet())
        else:
            self._lists += [1] if tag == "ol" else [None] if tag == "ul" else []
            self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if self._silent_depth:
            self._silent_depth -= 1
        elif tag == "a" and self._links:
            self._close_link(*self._links.pop())
        else:
            if tag in ("ol", "ul") and self._lists:
                self._lists.pop()
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._silent_depth:
            self.parts.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "hr":
            self.parts.append("\n\n---\n\n")
        elif tag in _BLOCKS or tag == "br":
            self.parts.append("\n\n" if tag in _APART else "\n")

    def _bullet(self) -> str:
        if not self._lists or self._lists[-1] is None:
            return "\n- "
        self._lists[-1] += 1
        return f"\n{self._lists[-1] - 1}. "

    def _close_link(self, url: str, start: int) -> None:
        text = "".join(self.parts[start:]).strip()
        if url.startswith(("http://", "https://")) and url != text:
            self.parts.append(f": {url}" if text else url)
