"""What people get wrong with stages, cascades, tasks, experiments, calendars, expressions and the policy: each mistake
gives exactly its one finding."""

import time
from typing import NamedTuple

import pytest

from language.library import read_library

TOP = "journey: j\ntitle: J\nstart: {on: Go}\nexit: {on: Left}\n"
STEPS = TOP + "steps:\n"
FUNNEL = (
    "journey: j\ntitle: J\nstart: {on: Status}\nstage: {on: Status, is: event.to}\nstages:\n"
    "  study:\n    statuses: [interested, thinking]\n    steps: [{wait: 1d}]\n"
    "  meeting:\n    statuses: [booked]\n    steps: [{send: m, via: email}]\n"
)
MESSAGE = "message: m\nclass: service\nemail: {subject: S, body: B}\nsms: Hello\n"
OFFER = "message: offer\nclass: promotional\ntopic: offers\nemail: {subject: S, body: To unsubscribe reply STOP}\n"
CODE = "message: code\nclass: service\nsms: 'Yours: {{ code }}'\n"
PAID = "message: paid\nclass: transactional\nemail: {subject: S, body: B}\n"
OTHER = "journey: other\ntitle: O\nstart: {call: true}\nsteps: [{send: paid, via: email}]\n"
SHUT = OTHER.replace("other", "shut").replace("call: true", "on: Opened")
PLAYED = STEPS + (
    "  - {task: ask, to: sales, within: 1d, results: {yes: [{stop: won}], no: []}}\n"
    "  - {split: tone, arms: [{arm: warm, share: 50, do: [{wait: 2d}]}, {arm: cold, share: 50}]}\n"
    "  - {coupon: codes, otherwise: [{stop: none}]}\n"
    "  - {send: m, via: email}\n"
)
LONG = "".join(
    f"  - {{id: wait_{n}, wait: 5d}}\n  - {{id: again_{n}, send: m, via: sms, when: profile.score > {n}}}\n"
    for n in range(6)
)
SCENARIO = "scenario: s\njourney: j\ngiven:\n  - {at: 0d, on: Go}\n"
FILES = {
    "j.yaml": STEPS + "  - {send: m, via: email}\n",
    "messages/m.yaml": MESSAGE,
    "messages/offer.yaml": OFFER,
    "messages/code.yaml": CODE,
    "messages/paid.yaml": PAID,
    "other.yaml": OTHER,
    "shut.yaml": SHUT,
}


class Mistake(NamedTuple):
    """`line`, `step`, and parts of `what` and `remedy` of the one finding about `file`; a policy beside it."""

    name: str
    text: str
    line: int
    step: str
    what: str
    remedy: str
    file: str = "j.yaml"
    policy: str = ""
    journey: str = ""


def step(*lines: str) -> str:
    """A journey with these steps, from line 6 on."""
    return STEPS + "".join(f"  {line}\n" for line in lines)


def when(condition: str) -> str:
    """A journey with a send, a wait, and a condition in line 9."""
    return step("- send: m", "  via: email", "- wait: 1d", f"  when: {condition}")


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

SENDING = [
    Mistake(
        "a cascade of nothing", step("- cascade: m", "  via: []"), 7, "cascade_m", "`via` is empty", "at least one"
    ),
    Mistake(
        "a channel unknown", step("- cascade: m", "  via: [{fax: {wait: 1h}}, sms]"), 7, "cascade_m", "'fax'", "email"
    ),
    Mistake(
        "until what",
        step("- cascade: m", "  via:", "    - push: {wait: 1h, until: answered}", "    - email"),
        8,
        "cascade_m",
        "by push is answered",
        "delivered",
    ),
    Mistake(
        "until nobody waits",
        step("- cascade: m", "  via:", "    - email: {wait: 1h}", "    - sms: {until: delivered}"),
        9,
        "cascade_m",
        "no effect",
        "wait: 1h",
    ),
    Mistake(
        "a goal that is none",
        step("- cascade: m", "  via:", "    - email: {wait: 1h, until: goal}", "    - sms"),
        6,
        "cascade_m",
        "the journey has none",
        "goal",
    ),
    Mistake(
        "a channel without text",
        step("- cascade: m", "  via:", "    - push: {wait: 1h}", "    - sms"),
        8,
        "cascade_m",
        "for push",
        "email, sms",
    ),
    Mistake("a message unknown", step("- cascade: mm", "  via: [sms]"), 6, "cascade_mm", "`mm`", "`m`?"),
    Mistake(
        "a cap for what passes",
        step("- send: paid", "  via: email", "  on_cap: defer"),
        8,
        "send_paid",
        "transactional",
        "remove it",
    ),
    Mistake(
        "next channel of one",
        step("- send: m", "  via: email", "  on_cap: next_channel"),
        8,
        "send_m",
        "'next_channel'",
        "'drop' or 'defer'",
    ),
    Mistake("a value nobody gives", step("- send: code", "  via: sms"), 6, "send_code", "`code`", "with: {code"),
    Mistake(
        "a code from nowhere",
        step("- send: code", "  via: sms", "  with: {code: steps.gift.code}"),
        8,
        "send_code",
        "no step `gift`",
        "send_code",
    ),
    Mistake(
        "a code when there is none",
        step("- {id: gift, coupon: codes}", "- send: code", "  via: sms", "  with: {code: steps.gift.code}"),
        7,
        "send_code",
        "the pool is empty",
        "stop",
    ),
    Mistake(
        "a code past the coupon",
        step(
            "- {id: gift, coupon: codes, when: profile.rich, otherwise: [{stop: no}]}",
            "- {send: code, via: sms, with: {code: steps.gift.code}}",
        ),
        7,
        "send_code",
        "without one",
        "when:",
    ),
]

DOING = [
    Mistake("a task for nobody", step("- task: ask", "  within: 1d"), 6, "task_ask", "`to` is missing", "add `to"),
    Mistake(
        "a task in words", step("- task: Ask them", "  to: sales"), 6, "task_Ask them", "'Ask them'", "small letters"
    ),
    Mistake(
        "results as a list",
        step("- task: ask", "  to: sales", "  within: 1d", "  results: [yes, no]"),
        9,
        "task_ask",
        "a list",
        "fields",
    ),
    Mistake(
        "results alike",
        step("- task: ask", "  to: sales", "  within: 1d", "  results: {a: [], b: []}"),
        9,
        "task_ask",
        "nothing follows",
        "results",
    ),
    Mistake(
        "handed on too late",
        step("- task: ask", "  to: sales", "  within: 1d", "  escalate: {after: 2d, to: boss}"),
        9,
        "task_ask",
        "time is up already",
        "shorten",
    ),
    Mistake(
        "handed on to nobody",
        step("- task: ask", "  to: sales", "  within: 1d", "  escalate: {after: 2h}"),
        9,
        "task_ask",
        "`to` is missing",
        "add",
    ),
    Mistake(
        "no time for a task", step("- task: ask", "  to: sales", "  within: 0s"), 8, "task_ask", "zero", "within: 1d"
    ),
    Mistake(
        "a task without end",
        step("- task: ask", "  to: sales").replace("exit: {on: Left}\n", "control: 0\n"),
        6,
        "task_ask",
        "without limit",
        "within",
    ),
    Mistake(
        "a result not offered",
        step(
            "- {task: ask, to: sales, within: 1d, results: {a: [{wait: 1d}], b: []}}",
            "- stop: c",
            "  when: steps.task_ask.result == 'c'",
        ),
        8,
        "stop_c",
        "never 'c'",
        "there are a, b",
    ),
    Mistake(
        "a task with a fault inside",
        step("- task: ask", "  to: sales", "  within: 1d", "  results:", "    yes: [{sned: m}]"),
        10,
        "sned",
        "`sned`",
        "`send`?",
    ),
    Mistake("a call of nothing", step("- call: crm"), 6, "call_crm", "no destination `crm`", "destinations.yaml"),
    Mistake(
        "half a percent",
        step("- split: tone", "  arms: [{arm: a, share: 50}, {arm: b, share: 40}]"),
        7,
        "split_tone",
        "add up to 90",
        "100",
    ),
    Mistake(
        "arms alike",
        step("- split: tone", "  arms: [{arm: a, share: 50}, {arm: a, share: 50}]"),
        7,
        "split_tone",
        "same name",
        "its own",
    ),
    Mistake("one arm", step("- split: tone", "  arms: [{arm: a, share: 100}]"), 7, "split_tone", "`arms`", ""),
    Mistake(
        "a winner without a goal",
        step("- split: tone", "  arms: [{arm: a, share: 50}, {arm: b, share: 50}]", "  winner: {by: goal}"),
        6,
        "split_tone",
        "the journey has none",
        "goal",
    ),
    Mistake(
        "an arm that is none",
        step(
            "- {split: tone, arms: [{arm: a, share: 50}, {arm: b, share: 50}]}",
            "- stop: c",
            "  when: steps.split_tone.outcome == 'c'",
        ),
        8,
        "stop_c",
        "never 'c'",
        "a, b",
    ),
    Mistake("a pool in words", step("- coupon: Bonus 30"), 6, "coupon_Bonus 30", "'Bonus 30'", "small letters"),
    Mistake("a journey unknown", step("- start: othr"), 6, "start_othr", "`othr`", "`other`?"),
    Mistake("a journey that is not called", step("- start: shut"), 6, "start_shut", "call: true", "add"),
    Mistake("itself", step("- start: j"), 6, "start_j", "cannot start itself", "go_to"),
    Mistake("never repeated", step("- repeat: 0", "  do: [{wait: 1d}]"), 6, "repeat", "0", ""),
    Mistake("repeated without end", step("- repeat: 5000", "  do: [{wait: 1d}]"), 6, "repeat", "5000", "1000"),
    Mistake("nothing repeated", step("- repeat: 5", "  do: []"), 7, "repeat", "`do` is empty", "at least one"),
    Mistake(
        "counted outside",
        step("- {repeat: 5, every: 1d, do: [{wait: 1h}]}", "- set: {day: repeat.index}"),
        7,
        "set",
        "in none",
        "move it",
    ),
    Mistake(
        "repeat what",
        step("- {repeat: 5, every: 1d, do: [{set: {day: repeat.number}}]}"),
        6,
        "set",
        "`number`",
        "repeat.index",
    ),
]

EXPRESSIONS = [
    Mistake(
        "a length in quotes",
        step('- wait: {until: start.ends_at - "24h"}'),
        6,
        "wait",
        "with a text",
        'duration("24h")',
    ),
    Mistake(
        "days in CEL",
        step("- wait: {until: start.ends_at - duration('2d')}"),
        6,
        "wait",
        "cannot be computed",
        'duration("48h")',
    ),
    Mistake(
        "a date read as a sum", step("- wait: {until: 2026-12-24}"), 6, "wait", "a number, not a moment", "timestamp"
    ),
    Mistake(
        "a length as a date", step("- wait: {until: duration('24h')}"), 6, "wait", "not a moment", "start.expires_at"
    ),
    Mistake("now and a text", when("now > '2026-01-01T00:00:00Z'"), 9, "wait", "a moment with a text", "timestamp("),
    Mistake("a time in quotes", when("start.at == '2026-01-01T00:00:00Z'"), 9, "wait", "is a text", "timestamp("),
    Mistake("a number in quotes", when("start.score > '5'"), 9, "wait", "neither more nor less", "write 5"),
    Mistake("a number and a text", when("start.score + 1 > 'a'"), 9, "wait", "compares", "without quotes"),
    Mistake("or what", when("start.to == 'a' || 'b'"), 9, "wait", "alone is a text", "start.to in ['a', 'b']"),
    Mistake("in a text", when("start.to in 'bought'"), 9, "wait", "looks into a list", "in ['bought']"),
    Mistake("not a text", when("'!(steps.send_m.outcome)'"), 9, "wait", "no use before a text", ""),
    Mistake("a text as a condition", when("steps.send_m.outcome"), 9, "wait", "not a condition", "compare"),
    Mistake("too many values", when("size(start.a, start.b) > 1"), 9, "wait", "takes 1 value", "size("),
    Mistake("a zone", when("now.getHours('Europe/Moscow') > 9"), 9, "wait", "takes 1 value", "UTC"),
    Mistake(
        "both at once", when("start.to == 'a' && start.to == 'b'"), 9, "wait", "never 'a' and 'b'", "in ['a', 'b']"
    ),
    Mistake("always one or the other", when("start.to != 'a' || start.to != 'b'"), 9, "wait", "always differs", "!("),
    Mistake("never", when("false"), 9, "wait", "never true", "remove it"),
    Mistake("a status misspelt", when("steps.send_m.outcome == 'deliverd'"), 9, "wait", "'deliverd'", "`delivered`?"),
    Mistake(
        "another channel's status", when("steps.send_m.sms.status == 'sent'"), 9, "wait", "never leaves `sms`", "email"
    ),
    Mistake(
        "a field of a status", when("steps.send_m.email.state == 'sent'"), 9, "wait", "has no `state`", "`status`?"
    ),
    Mistake("a journey's field", when("journeys.other.activ == true"), 9, "wait", "no `activ`", "`active`?"),
    Mistake("active is no text", when("journeys.other.active == 'yes'"), 9, "wait", "true or false with a text", ""),
    Mistake(
        "the same way twice",
        step("- branch:", "    - {when: profile.a, do: [{stop: a}]}", "    - {when: profile.a, do: [{stop: b}]}"),
        8,
        "branch",
        "stands above",
        "another",
    ),
    Mistake(
        "after all",
        step("- branch:", "    - {when: true, do: [{stop: a}]}", "  otherwise: [{stop: b}]"),
        8,
        "branch",
        "always taken",
        "remove",
    ),
    Mistake(
        "the same event twice",
        step(
            "- wait_for:",
            "    - {on: Paid, do: [{stop: a}]}",
            "    - {on: Paid, where: event.x, do: [{stop: b}]}",
            "  within: 1d",
        ),
        8,
        "wait_for_paid",
        "`Paid` already",
        "where",
    ),
    Mistake(
        "an event too early",
        step("- set: {a: event.x}", "- wait_for: Paid", "  within: 1d"),
        6,
        "set",
        "before anything",
        "start.",
    ),
    Mistake(
        "a result too early",
        step("- {send: m, via: email, when: steps.later.outcome == 'done'}", "- {id: later, call: f}"),
        6,
        "send_m",
        "before that step",
        "above",
    ),
    Mistake(
        "of another channel",
        step("- {send: m, via: email}", "- wait_for: {on: SMS Delivered, of: send_m}", "  within: 1d"),
        7,
        "wait_for_sms_delivered",
        "sends by email",
        "another step",
    ),
    Mistake(
        "of an event of yours",
        step("- {send: m, via: email}", "- wait_for: {on: Paid, of: send_m}", "  within: 1d"),
        7,
        "wait_for_paid",
        "no event about a message",
        "remove `of`",
    ),
    Mistake(
        "an event about no message",
        step("- {send: m, via: email}", "- wait_for: Push Opened", "  within: 1d"),
        7,
        "wait_for_push_opened",
        "sends by push",
        "another event",
    ),
    Mistake(
        "our event misspelt",
        step("- {send: m, via: email}", "- wait_for: Email Open", "  within: 1d"),
        7,
        "wait_for_email_open",
        "nothing else knows",
        "`Email Opened`?",
    ),
]

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

BUDGET = "costs: {currency: EUR, sms: 0.9, email: 0}\nbudget: {per_enrolment: 0.5}\n"
QUIET = 'quiet_hours: {from: "21:00", to: "08:00"}\n'
FEW = "caps:\n  - {name: few, limit: 2, per: 7d, class: service}\n"
POLICY = [
    Mistake(
        "a window in the night",
        step("- wait: {window: '05:00-07:00'}", "- {send: m, via: email}"),
        7,
        "send_m",
        "quiet hours",
        "another time",
        policy=QUIET,
    ),
    Mistake(
        "a birthday at night",
        TOP.replace("{on: Go}", "{date: profile.birthday, at: '03:00'}") + "steps:\n  - {send: m, via: email}\n",
        6,
        "send_m",
        "03:00",
        "another time",
        policy=QUIET,
    ),
    Mistake(
        "deferred for an hour",
        step("- {send: m, via: email, on_cap: defer, valid_for: 1h}"),
        6,
        "send_m",
        "11h",
        "lengthen",
        policy=QUIET,
    ),
    Mistake(
        "more than a cap",
        step("- {repeat: 3, every: 1d, do: [{send: m, via: email}]}"),
        6,
        "send_m",
        "message 3 within 7 days",
        "further apart",
        policy=FEW,
    ),
    Mistake(
        "sooner than the gap",
        step("- {send: offer, via: email}", "- wait: 1h", "- {id: more, send: offer, via: email}"),
        8,
        "more",
        "within 4h",
        "longer wait",
        policy="minimum_gap: 4h\n",
    ),
    Mistake(
        "two at once",
        step("- {send: m, via: email}", "- {send: offer, via: email}"),
        7,
        "send_offer",
        "within minutes",
        "a wait",
    ),
    Mistake(
        "two after a minute",
        step("- {send: m, via: email}", "- wait: 1m", "- {id: more, send: m, via: email}"),
        8,
        "more",
        "within minutes",
        "a wait",
    ),
    Mistake(
        "too dear",
        step("- {send: m, via: sms}"),
        5,
        "steps",
        "0.90 EUR",
        "raise the budget",
        policy=BUDGET,
    ),
    Mistake(
        "dear without end",
        step("- {send: m, via: sms}", "- wait: 1d", "- go_to: send_m"),
        5,
        "steps",
        "no limit",
        "`repeat`",
        policy=BUDGET,
    ),
    Mistake(
        "a price unknown",
        step("- {send: m, via: sms}"),
        6,
        "send_m",
        "no price for sms",
        "costs",
        policy="costs: {email: 0}\nbudget: {per_enrolment: 0.5}\n",
    ),
    Mistake(
        "held out of receipts",
        TOP + "control: 10\nsteps:\n  - {send: paid, via: email}\n",
        5,
        "control",
        "transactional",
        "remove it",
    ),
]

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

SCENARIOS = [
    Mistake(name, SCENARIO + text, line, place, what, remedy, "scenarios/s.yaml", journey=PLAYED)
    for name, text, line, place, what, remedy in (
        ("a task it never gives", "expect: [{at: 0d, task: aks}]\n", 5, "expect", "no task `aks`", "`ask`?"),
        ("a task done that is none", "  - {at: 1h, done: call}\n", 5, "given", "no task `call`", "there are ask"),
        (
            "a result not offered",
            "  - {at: 1h, done: ask, result: maybe}\n",
            5,
            "given",
            "no result `maybe`",
            "no, yes",
        ),
        (
            "a message it never sends",
            "expect: [{at: 0d, send: offer, via: email}]\n",
            5,
            "expect",
            "never sends `offer`",
            "m",
        ),
        (
            "a channel it never uses",
            "expect: [{at: 0d, send: m, via: sms}]\n",
            5,
            "expect",
            "never sends `m` by sms",
            "by email",
        ),
        ("an arm that is none", "arms: {tone: hot}\n", 5, "arms", "no arm `hot`", "cold, warm"),
        ("an experiment that is none", "arms: {tune: warm}\n", 5, "arms", "no experiment `tune`", "`tone`?"),
        ("a pool that is none", "coupons: {code: [A]}\n", 5, "coupons", "no coupon `code`", "`codes`?"),
        ("an answer nobody asks for", "answers: {crm: refused}\n", 5, "answers", "nothing named `crm`", "remove it"),
        ("an outcome misspelt", "expect: [{at: 0d, outcome: wonn}]\n", 5, "expect", "ends as `wonn`", "`won`?"),
        ("an event misspelt", "  - {at: 1h, on: Leftt}\n", 5, "given", "no journey listens", "`Left`?"),
        (
            "a journey that is none",
            "journeys: {nobody: {active: true}}\n",
            5,
            "journeys",
            "no journey `nobody`",
            "there are",
        ),
        (
            "a start that is none",
            "expect: [{at: 0d, start: other}]\n",
            5,
            "expect",
            "starts no journey `other`",
            "remove",
        ),
    )
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
CALLS = [
    Mistake(
        "no address",
        "destinations: {crm: {}}\n",
        1,
        "destinations",
        "`url` is missing",
        "add `url",
        "destinations.yaml",
    ),
    Mistake(
        "half an address",
        "destinations: {crm: {url: crm.example.com}}\n",
        1,
        "destinations",
        "no address",
        "https://",
        "destinations.yaml",
    ),
    Mistake(
        "a secret in the open",
        "destinations: {crm: {url: 'https://a.example', headers: {Authorization: x}}}\n",
        1,
        "destinations",
        "is a secret",
        "headers_env",
        "destinations.yaml",
    ),
]
ALL = [*STAGES, *SENDING, *DOING, *EXPRESSIONS, *CALENDAR, *POLICY, *MESSAGES, *SCENARIOS, *KEYS, *CALLS]


@pytest.mark.parametrize("mistake", ALL, ids=lambda mistake: mistake.name)
def test_a_mistake_gives_its_finding_and_no_other(mistake: Mistake) -> None:
    given = "scenario: t\njourney: j\ngiven: [{at: 0d, on: Go, with: {lead: 1}}, {at: 1d, on: Left}]\n"
    files = {
        **FILES,
        "scenarios/t.yaml": given,
        **({"j.yaml": mistake.journey} if mistake.journey else {}),
        mistake.file: mistake.text,
    }
    findings = read_library(
        files | ({"policy.yaml": mistake.policy} if mistake.policy else {}), frozenset({"f"})
    ).findings
    assert len(findings) == 1, [str(finding) for finding in findings]
    finding = findings[0]
    assert (finding.line, finding.step) == (mistake.line, mistake.step)
    assert mistake.what in finding.what
    assert mistake.remedy in finding.remedy
    assert finding.remedy


def test_there_are_enough_of_them() -> None:
    assert len({mistake.name for mistake in ALL}) >= 100


def test_a_directory_of_thirty_journeys_and_a_hundred_messages_is_checked_in_two_seconds() -> None:
    journeys = {f"j{n}.yaml": PLAYED.replace("journey: j", f"journey: j{n}") + LONG for n in range(30)}
    messages = {f"messages/m{n}.yaml": MESSAGE.replace(": m\n", f": m{n}\n") for n in range(100)}
    seconds = []
    for _ in range(2):
        began = time.process_time()
        library = read_library({**FILES, **journeys, **messages, "policy.yaml": FEW + QUIET})
        seconds.append(time.process_time() - began)
    assert min(seconds) < 2
    assert len(library.journeys) >= 30
    assert library.errors == ()
