"""Mistakes with stages and with what tells enrolments apart."""

from tests.language.mistakes.mistake import FUNNEL, TOP, Mistake

STAGES = [
    Mistake("stages and steps", FUNNEL + "steps: [{wait: 1d}]\n", 1, "file", "either `steps:` or", "remove one"),
    Mistake("a stage in words", FUNNEL.replace("  meeting", "  The Meeting"), 9, "stages", "'The Meeting'", "small"),
    Mistake("no steps list", FUNNEL.replace("[{wait: 1d}]", "{wait: 1d}"), 8, "stages", "a group of fields", "`-`"),
    Mistake("a status twice", FUNNEL.replace("[booked]", "[booked, thinking]"), 10, "stages", "`study` already", "one"),
    Mistake("a stage as a status", FUNNEL.replace("[booked]", "[study]"), 10, "stages", "`study` already", "keep it"),
    Mistake("its own name", FUNNEL.replace("[booked]", "[meeting]"), 10, "stages", "is this stage", "remove it"),
    Mistake(
        "a stage rule lost", FUNNEL.replace("stage: {on: Status, is: event.to}\n", ""), 1, "file", "which stage", "add"
    ),
    Mistake("is what", FUNNEL.replace("event.to}", "evnt.to}"), 4, "stage", "`evnt` is no name", "`event`?"),
    Mistake(
        "a stage unknown",
        FUNNEL.replace("{wait: 1d}", "{wait: 1d}, {go_to: meting}"),
        8,
        "go_to_meting",
        "`meting`",
        "`meeting`?",
    ),
    Mistake(
        "a status that ends",
        FUNNEL + "exit: {on: Status, where: event.to == 'booked'}\n",
        12,
        "exit",
        "`booked` ends",
        "remove it",
    ),
    Mistake(
        "a status misspelt",
        FUNNEL.replace("{on: Status}", "{on: Status, where: event.to == 'intrested'}"),
        3,
        "start",
        "`intrested`",
        "`interested`?",
    ),
    Mistake("control beyond all", FUNNEL + "    control: 120\n", 12, "stages", "120", "100"),
    Mistake("restart how", FUNNEL + "    restart: maybe\n", 12, "stages", "'maybe'", "true or false"),
    Mistake(
        "after the end of a stage",
        FUNNEL.replace("[{wait: 1d}]", "[{stop: a}, {wait: 1d}]"),
        8,
        "wait",
        "nothing leads",
        "remove",
    ),
]

KEYS = [
    Mistake(
        "any sign of life with a key",
        TOP.replace("Left", "Left, match: customer")
        + "key: event.lead\nsteps:\n  - {wait_for: any_activity, within: 1d}\n",
        7,
        "wait_for_any_activity",
        "carries `lead`",
        "match: customer",
    ),
    Mistake(
        "an exit that lacks the key",
        TOP + "key: event.lead\nsteps:\n  - {send: m, via: email}\n",
        4,
        "exit",
        "never gives",
        "match: customer",
    )._replace(what="no scenario gives `Left`"),
]
