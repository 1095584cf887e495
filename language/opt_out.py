"""What a customer's whole reply says about being written to: STOP, START or HELP, in their own language."""

import unicodedata
from collections.abc import Iterable
from typing import Literal

Keyword = Literal["stop", "start", "help", "yes"]
"""`yes` means START to somebody who has said STOP, and is an answer from everybody else."""


_TURKISH = str.maketrans({"ı": "i", "\u0307": None})
"""Its letters i: large ones are not told apart by other languages' rules."""


def _plain(text: str) -> str:
    """In small letters, one space between words, without the marks around it that keyboards add."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_TURKISH)
    return " ".join(folded.split()).strip(" .,!¡\"'«»“”„()[]")


def _words(text: str) -> frozenset[str]:
    return frozenset(map(_plain, text.split()))


WORDS: dict[Keyword, frozenset[str]] = {
    # First what every network takes for it, whoever listens; then the words of other languages.
    "stop": _words(
        """
        stop stopall unsubscribe cancel end quit revoke optout opt-out
        baja alto parar pare sair arret arrêt désabonner desabonner stopp abmelden basta afmelden
        rezygnuję rezygnuje wypisz iptal dur стоп отписаться отписка стій відписатися відписка
        στοπ διακοπή إيقاف الغاء إلغاء توقف הסר עצור रोकें 停止 退订 退訂 停止配信 配信停止 중지 수신거부
        """
    ),
    "start": _words(
        """
        start unstop
        alta empezar começar iniciar démarrer demarrer anmelden inizia aanmelden
        zacznij başla старт начать подписаться почати підписатися έναρξη ابدأ اشتراك התחל शुरू 开始 開始 시작
        """
    ),
    "help": _words(
        """
        help info
        ayuda ajuda aide hilfe aiuto pomoc yardım помощь справка допомога
        βοήθεια مساعدة עזרה मदद 帮助 幫助 ヘルプ 도움말
        """
    ),
    "yes": _words("yes"),
}


def keyword(text: str, more_stops: Iterable[str] = ()) -> Keyword | None:
    """What the whole text is a word for, however it is written; None: it is a message. `more_stops` mean STOP too."""
    word = _plain(text)
    if word in {_plain(it) for it in more_stops}:
        return "stop"
    return next((found for found, words in WORDS.items() if word in words), None)
