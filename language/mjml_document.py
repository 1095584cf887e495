"""MJML: checked when a message is loaded, turned into HTML when it is rendered. The library is imported when used."""

import re

_TAG = re.compile(r"<mj-([a-z-]+)")
_LIQUID = re.compile(r"\{%.*?%\}", re.DOTALL)
_VALUE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_TAGS = frozenset({
    "accordion", "accordion-element", "accordion-text", "accordion-title", "all", "attributes", "body", "breakpoint",
    "button", "carousel", "carousel-image", "class", "column", "divider", "font", "group", "head", "hero", "image",
    "navbar", "navbar-link", "preview", "raw", "section", "social", "social-element", "spacer", "style", "table",
    "text", "title", "wrapper",
})  # fmt: skip


def check_mjml(source: str) -> str:
    """The source itself; `ValueError` when it is not MJML. Liquid is set aside: tags that hang on values go unseen."""
    for found in _TAG.finditer(source):
        if found[1] not in _TAGS:
            line = source.count("\n", 0, found.start()) + 1
            raise ValueError(f"line {line} of the text: there is no MJML tag <mj-{found[1]}>; see the list on mjml.io")
    try:
        mjml_to_html(_LIQUID.sub("", _VALUE.sub("x", source)))
    except ValueError as error:
        raise ValueError(f"not valid MJML ({error}); close every tag, and enclose all in <mjml>") from None
    return source


def mjml_to_html(document: str) -> str:
    """A whole HTML document, without fonts fetched from elsewhere. Raises `ValueError` when it is not MJML."""
    from mjml import mjml2html

    return str(mjml2html(document, fonts={}))
