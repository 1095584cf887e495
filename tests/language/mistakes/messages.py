"""Mistakes in messages."""

from tests.language.mistakes.mistake import MESSAGE, OFFER, Mistake, step

TEXTS = [
    Mistake(name, text, line, place, what, remedy, "messages/m.yaml")
    for name, text, line, place, what, remedy in (
        ("no way out of an SMS", OFFER.replace(": offer\n", ": m\n") + "sms: Sale\n", 5, "sms", "opt out", "STOP"),
        (
            "a word no network knows",
            OFFER.replace(": offer\n", ": m\n").replace(
                "email: {subject: S, body: To unsubscribe reply STOP}",
                "email: {subject: S, body: STOP}\nsms: Sair: diga SAIR".replace("Sair: ", ""),
            ),
            5,
            "sms",
            "opt out",
            "opt_out_words",
        ),
        ("a long SMS", MESSAGE.replace("Hello", "Hello you " * 50), 4, "sms", "4 parts of 153", "shorten"),
        (
            "a long SMS in Russian",
            MESSAGE.replace("Hello", "Привет, мир " * 20),
            4,
            "sms",
            "UCS-2, because of “П”",
            "shorten",
        ),
        ("an endless SMS", MESSAGE.replace("Hello", "Hello you " * 160), 4, "sms", "11 parts", "e-mail"),
        ("a long dash", MESSAGE.replace("Hello", "Hello you " * 10 + "– bye"), 4, "sms", "“–” (U+2013)", "'-'"),
        (
            "half a language",
            MESSAGE + "locales: {ru: {push: {title: A, body: B}}}\n",
            1,
            "file",
            "locales.ru has push",
            "add push",
        ),
    )
]
MESSAGES = [
    *(one for one in TEXTS if "no way" not in one.name and "no network" not in one.name),
    *(
        one._replace(journey=step("- {send: paid, via: email}"))
        for one in TEXTS
        if "no way" in one.name or "no network" in one.name
    ),
    Mistake(
        "one language of two",
        MESSAGE + "locales: {ru: {sms: Привет}}\n",
        6,
        "send_m",
        "no text in ru by email",
        "locales: {ru",
        "messages/m.yaml",
        journey=step("- {send: m, via: [email, sms]}"),
    ),
]
