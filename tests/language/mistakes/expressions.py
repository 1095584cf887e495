"""Mistakes in conditions and texts that count."""

from tests.language.mistakes.mistake import Mistake, step, when

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
