"""Colours and icons. All colours carry white text, and are read on white, with a contrast above 4.5."""

INK = "#1b2733"
SOFT = "#475569"
PAPER = "#f6f7f9"
CARD = "#ffffff"
EDGE = "#c9d2dd"
LINE = "#64748b"
FRAME = "#eceff4"

BLUE, TEAL, ORANGE, PURPLE, AMBER, PINK, SLATE, GREEN = (
    "#1d5fa8",
    "#0b7566",
    "#b4460f",
    "#6845ad",
    "#8a5a00",
    "#a62a64",
    "#46566a",
    "#2b7434",
)
COLOUR_BY_CLASS = {"transactional": BLUE, "service": TEAL, "promotional": ORANGE}

_ENVELOPE = "M3 5.5h18v13H3z M3 6l9 7 9-7"
_BUBBLE = "M4 4h16v12h-9l-5 4v-4H4z M8 8.5h8 M8 11.8h5"
_PHONE = "M6.5 3.5h3L11 8 9 9.5a11 11 0 0 0 5.5 5.5l1.5-2 4.5 1.5v3a2 2 0 0 1-2 2a14.5 14.5 0 0 1-14-14a2 2 0 0 1 2-2z"
_BELL = "M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15z M10 20.5h4 M12 3v2"
_CLOCK = "M12 3a9 9 0 1 0 .01 0z M12 7v5.3l3.5 2"
_EAR = "M7 3h10 M7 21h10 M8 3v4l4 5-4 5v4 M16 3v4l-4 5 4 5v4"
_FORK = "M12 21v-7 M12 14L5.5 7 M12 14l6.5-7 M5 11V6.5h4.5 M14.5 6.5H19V11"
_LOT = "M12 21v-6 M4 4h3l5 11 M20 4h-3l-5 11 M9 18.5l3 3 3-3"
_PERSON = "M12 3.5a4 4 0 1 0 .01 0z M4.5 20.5a7.5 7.5 0 0 1 15 0z"
_TICKET = "M3 7h18v3.5a1.8 1.8 0 0 0 0 3.5v3H3v-3a1.8 1.8 0 0 0 0-3.5z M14 7v10"
_GEAR = (
    "M12 8.5a3.5 3.5 0 1 0 .01 0z M12 3v2.7 M12 18.3V21 M3 12h2.7 M18.3 12H21 "
    "M5.6 5.6l2 2 M16.4 16.4l2 2 M5.6 18.4l2-2 M16.4 7.6l2-2"
)
_TAG = "M3.5 4h8l9 9-7.5 7.5-9.5-9.5z M8 8.5h.01"
_PLUG = "M8 3v5 M16 3v5 M5.5 8h13v3a6.5 6.5 0 0 1-13 0z M12 17.5V21"
_LOOP = "M5 12a7 7 0 0 1 12-5l2 2 M19 4v5h-5 M19 12a7 7 0 0 1-12 5l-2-2 M5 20v-5h5"
_PLAY = "M8 5l11 7-11 7z"
_STAIRS = "M3 5h6v5h6v5h6v5 M3 10v10h9"
FLAG = "M6 21V4 M6 4.5h12l-3 4 3 4H6"
DOOR = "M5 3.5h9v17H5z M11 12h10 M18 9l3 3-3 3"
RULES = "M5 5h14 M5 10h14 M5 15h9 M5 20h6"
STOP = "M7 7h10v10H7z"
ON = "M5 5v6a5 5 0 0 0 5 5h9 M14.5 11.5L19 16l-4.5 4.5"
BACK = "M9 5L4 10l5 5 M4 10h10a5 5 0 0 1 0 10h-3"

ICON_BY_CHANNEL = {
    "email": _ENVELOPE,
    "sms": _BUBBLE,
    "whatsapp": _BUBBLE,
    "voice": _PHONE,
    "push": _BELL,
    "web_push": _BELL,
}
NAME_BY_CHANNEL = {
    "email": "E-mail",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
    "voice": "Phone call",
    "push": "Push",
    "web_push": "Web push",
}
LOOKS = {
    "journey": (_PLAY, GREEN),
    "wait": (_CLOCK, PURPLE),
    "wait_for": (_EAR, PURPLE),
    "branch": (_FORK, AMBER),
    "split": (_LOT, AMBER),
    "cascade": (_STAIRS, SLATE),
    "task": (_PERSON, PINK),
    "coupon": (_TICKET, ORANGE),
    "set": (_TAG, SLATE),
    "call": (_PLUG, SLATE),
    "repeat": (_LOOP, PURPLE),
    "start": (_PLAY, GREEN),
    "rest": (_CLOCK, SLATE),
}
"""Icon (strokes within 24 by 24) and colour by verb."""
UNKNOWN_LOOK = (_GEAR, SLATE)
