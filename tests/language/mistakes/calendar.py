"""Mistakes with dates and the calendar."""

from tests.language.mistakes.mistake import TOP, Mistake

CALENDAR = [
    Mistake(
        "a date and a key",
        TOP.replace("{on: Go}", "{date: profile.birthday}") + "key: event.x\nsteps: [{wait: 1d}]\n",
        1,
        "file",
        "`key`",
        "remove one",
    ),
    Mistake(
        "a date of an event",
        TOP.replace("{on: Go}", "{date: event.day}") + "steps: [{wait: 1d}]\n",
        3,
        "start",
        "one trait",
        "profile.birthday",
    ),
    Mistake(
        "a time of two figures",
        TOP.replace("{on: Go}", "{date: profile.birthday, at: '9:00'}") + "steps: [{wait: 1d}]\n",
        3,
        "start",
        "'9:00'",
        "form",
    ),
    Mistake(
        "a cron of words",
        TOP.replace("{on: Go}", "{every: mondays}") + "steps: [{wait: 1d}]\n",
        3,
        "start",
        "mondays",
        "",
    ),
    Mistake(
        "a zone of words",
        TOP.replace("{on: Go}", "{every: '0 9 * * 1', time_zone: Moscow}") + "steps: [{wait: 1d}]\n",
        3,
        "start",
        "'Moscow'",
        "Europe/Moscow",
    ),
    Mistake(
        "a time of an event",
        TOP.replace("{on: Go}", "{on: Go, at: '09:00'}") + "steps: [{wait: 1d}]\n",
        3,
        "start",
        "`at`",
        "remove",
    ),
    Mistake(
        "a broadcast on an event",
        TOP.replace("{on: Go}", "{every: '0 9 * * 1', where: event.x}") + "steps: [{wait: 1d}]\n",
        3,
        "start",
        "`event` may not",
        "profile",
    ),
]
