"""A scenario is played under the same contact policy as production, counted from what the scenario itself has sent."""

from datetime import timedelta

from language.happening import Happening
from language.library import read_library
from language.simulator import simulate

HOUR = timedelta(hours=1)
MESSAGE = "message: offer\nclass: promotional\ntopic: offers\nsms: Half the price\nemail: {subject: Half, body: Half}\n"
HEAD = "journey: j\ntitle: J\nstart: {on: Go}\nexit: {on: Gone, outcome: gone}\nsteps:\n"
NIGHT = 'quiet_hours: {from: "21:00", to: "09:00"}\n'
DAILY = "caps: [{name: daily, limit: 1, per: 1d}]\n"


def play(policy: str, steps: str, given: str, time_zone: str = "America/Sao_Paulo", more: str = "") -> list[Happening]:
    customer = f'{{traits: {{phone: "+5511987654321", email: ana@example.com}}, time_zone: {time_zone}}}'
    scenario = f"scenario: s\njourney: j\ncustomer: {customer}\ngiven: [{given}]\n{more}"
    files = {
        "j.yaml": HEAD + steps,
        "messages/offer.yaml": MESSAGE,
        "policy.yaml": policy,
        "scenarios/s.yaml": scenario,
    }
    library = read_library({**files, "scenarios/s.yaml": scenario})
    assert not library.errors, library.errors
    happenings = simulate(library, library.scenarios["scenarios/s.yaml"])
    return [item for item in happenings if item.kind in ("sent", "held", "not_sent", "ended")]


def brief(happenings: list[Happening]) -> list[tuple[float, str]]:
    """Hours since the beginning, 09:00 for the customer, and what happened."""
    return [(item.at / HOUR, item.kind) for item in happenings]


def test_what_falls_due_at_night_is_sent_in_the_morning() -> None:
    happenings = play(NIGHT, "  - {send: offer, via: sms}\n", "{at: 14h, on: Go}")
    assert brief(happenings) == [(14, "held"), (24, "sent"), (24, "ended")]
    assert happenings[0].why == (
        "quiet hours, 21:00 to 09:00 in America/Sao_Paulo, by the profile; next possible Tuesday 09:00"
    )


def test_an_exit_at_night_is_the_end_of_it() -> None:
    happenings = play(NIGHT, "  - {send: offer, via: sms}\n", "{at: 14h, on: Go}, {at: 20h, on: Gone}")
    assert brief(happenings) == [(14, "held"), (20, "ended")]


def test_a_reached_cap_drops_or_defers_as_the_step_says() -> None:
    def steps(more: str) -> str:
        return f"  - {{id: one, send: offer, via: sms}}\n  - wait: 6h\n  - {{id: two, send: offer, via: sms{more}}}\n"

    go = "{at: 0d, on: Go}"
    assert brief(play(DAILY, steps(""), go)) == [(0, "sent"), (6, "not_sent"), (6, "ended")]
    assert brief(play(DAILY, steps(", on_cap: defer"), go)) == [(0, "sent"), (6, "held"), (24, "sent"), (24, "ended")]
    assert brief(play(DAILY, steps(", on_cap: defer, valid_for: 17h"), go))[1:] == [(6, "not_sent"), (6, "ended")]


def test_a_cascade_goes_to_the_next_channel_past_a_cap() -> None:
    steps = "  - cascade: offer\n    on_cap: next_channel\n    via: [sms: {wait: 1h, until: delivered}, email]\n"
    policy = "caps: [{name: sms, limit: 1, per: 1d, channel: sms}]\n"
    first = "  - {id: one, send: offer, via: sms}\n"
    happenings = play(policy, first + steps, "{at: 0d, on: Go}")
    assert [(item.kind, item.channel) for item in happenings[:3]] == [
        ("sent", "sms"),
        ("not_sent", "sms"),
        ("sent", "email"),
    ]


def test_a_scenario_spends_budgets_as_production_does() -> None:
    policy = f"{NIGHT}costs: {{sms: 0.05}}\nbudgets: [{{name: texts, per: day, limit: 0.09}}]\n"
    steps = "  - {id: one, send: offer, via: sms}\n  - wait: 1h\n  - {id: two, send: offer, via: sms}\n"
    happenings = play(policy, steps, "{at: 0d, on: Go}")
    # The day ends by UTC, at nine in the evening in São Paulo; then it is quiet till nine.
    assert brief(happenings) == [(0, "sent"), (1, "held"), (24, "sent"), (24, "ended")]
    assert happenings[1].why == "the budget texts of 0.09 USD is used up; next possible Tuesday 09:00"


def test_a_scenario_may_be_of_a_customer_who_is_held_out_of_everything() -> None:
    steps = "  - {id: one, send: offer, via: sms}\n"
    held_out = play("control: 5\n", steps, "{at: 0d, on: Go}", more="arms: {control/*: held_out}\n")
    assert brief(held_out) == [(0, "not_sent"), (0, "ended")]
    assert held_out[0].why == "the customer is in the control group of all journeys, which gets nothing"
    assert brief(play("control: 5\n", steps, "{at: 0d, on: Go}"))[0] == (0, "sent")
