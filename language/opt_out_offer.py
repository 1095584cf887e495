"""How a message shows the way out: an e-mail by its links and headers, an SMS by a line, in the customer's language."""

import html
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

WORDS = {
    "en": ("You get this e-mail because of your subscription.", "Unsubscribe", "Choose what we write about"),
    "ru": ("Вы получили это письмо, потому что подписаны на него.", "Отписаться", "Выбрать, о чём писать"),
    "pt": ("Você recebeu este e-mail porque está inscrito.", "Cancelar inscrição", "Escolher o que receber"),
    "es": ("Recibe este correo porque está suscrito.", "Darse de baja", "Elegir qué recibir"),
    "de": ("Sie erhalten diese E-Mail, weil Sie sie abonniert haben.", "Abbestellen", "Themen auswählen"),
    "fr": ("Vous recevez cet e-mail car vous y êtes abonné.", "Se désabonner", "Choisir les sujets"),
}
"""Of an e-mail's foot: why, and the names of its two links."""

LINES = {
    "en": ("Reply {} to unsubscribe", "STOP"),
    "ru": ("Отписаться: ответьте {}", "СТОП"),
    "pt": ("Para sair, responda {}", "SAIR"),
    "es": ("Para no recibir más, responda {}", "BAJA"),
    "de": ("Abmelden: antworten Sie {}", "STOPP"),
    "fr": ("Pour se désabonner, répondez {}", "STOP"),
}
"""Of an SMS, each with the word that is heard there if the policy names none."""

_FOOT = (
    '<p style="margin:24px 0 0;font-size:13px;line-height:1.5;color:#6b7280">{} '
    '<a href="{}" style="color:#6b7280">{}</a> · '
    '<a href="{}" style="color:#6b7280">{}</a></p>\n'
)
_STANDALONE = '<div style="max-width:600px;margin:0 auto;padding:0 24px 24px;font-family:Arial,sans-serif">{}</div>\n'
_END = re.compile(r"</body\s*>", re.IGNORECASE)
_EVERYWHERE = ("STOP", "UNSUBSCRIBE")
"""What every network takes for it; written large it is no other word."""


class OptOutOffer(NamedTuple):
    """The addresses of one customer's pages, for one message. `is_one_click`: mail programs may unsubscribe there."""

    unsubscribe_url: str
    preferences_url: str
    is_one_click: bool

    @property
    def values(self) -> dict[str, str]:
        """What templates call them."""
        return {"unsubscribe_url": self.unsubscribe_url, "preferences_url": self.preferences_url}

    @property
    def headers(self) -> dict[str, str]:
        """By which mail programs show a button (RFC 8058)."""
        if not self.is_one_click:
            return {}
        return {
            "List-Unsubscribe": f"<{self.unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def is_shown_in(self, text: str) -> bool:
        return self.unsubscribe_url in text or self.preferences_url in text

    def untracked(self, page: str) -> str:
        """HTML in which the provider leaves these addresses as they are."""
        for url in self.values.values():
            page = page.replace(f'href="{html.escape(url)}"', f'href="{html.escape(url)}" clicktracking="off"')
        return page

    def foot(self, locale: str) -> str:
        """HTML, for the end of an e-mail's text."""
        why, leave, choose = _in(WORDS, locale)
        return _FOOT.format(why, html.escape(self.unsubscribe_url), leave, html.escape(self.preferences_url), choose)

    def plain_foot(self, locale: str) -> str:
        why, leave, choose = _in(WORDS, locale)
        return f"\n\n{why}\n{leave}: {self.unsubscribe_url}\n{choose}: {self.preferences_url}"

    def at_end_of(self, page: str, locale: str) -> str:
        """A whole HTML document with the foot in it."""
        foot, ends = _STANDALONE.format(self.foot(locale)), list(_END.finditer(page))
        place = ends[-1].start() if ends else len(page)
        return page[:place] + foot + page[place:]


ANSWERS = ("opened", "clicked", "answered")
"""Reports by which a customer takes notice of a message: they break a row of promotional ones."""

TEMPLATE_VALUES = frozenset({"unsubscribe_url", "preferences_url"})
"""Names that every message may show."""

NOWHERE = OptOutOffer(
    "https://example.com/unsubscribe/anna", "https://example.com/preferences/anna", is_one_click=False
)
"""Where there is no customer: in the checker's and the simulator's texts."""


def opt_out_line(locale: str, words: Mapping[str, Iterable[str]]) -> str:
    """The line of an SMS, with the first of the policy's words for the language."""
    line, usual = _in(LINES, locale)
    own = next((list(its) for tag, its in words.items() if _language(tag) == _language(locale)), [])
    return line.format(own[0].upper() if own and _language(locale) in LINES else usual)


def possible_line(text: str, locale: str, words: Mapping[str, Iterable[str]]) -> str:
    """What a promotional text may end with, when others went before it; nothing if it says it by itself."""
    return "" if says_how(text, words) else f"\n{opt_out_line(locale, words)}"


def says_how(text: str, words: Mapping[str, Iterable[str]]) -> bool:
    """Whether a text names a word by which one opts out."""
    own = {word.casefold() for its in words.values() for word in its}
    found = text.casefold()
    is_own = any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", found) for word in own)
    return is_own or any(re.search(rf"(?<!\w){word}(?!\w)", text) for word in _EVERYWHERE)


def _in(texts: Mapping[str, tuple[str, ...]], locale: str) -> tuple[str, ...]:
    return texts.get(_language(locale)) or texts["en"]


def _language(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()
