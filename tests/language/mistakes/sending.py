"""Mistakes where something is sent."""

from tests.language.mistakes.mistake import Mistake, step

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
