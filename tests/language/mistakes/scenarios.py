"""Mistakes in scenarios."""

from tests.language.mistakes.mistake import PLAYED, SCENARIO, Mistake

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
