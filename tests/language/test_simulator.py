"""Scenarios: what the simulator plays, and how expectations are held against it."""

from datetime import timedelta

from language.comparison import compare
from language.happening import Happening
from language.library import Library, read_library
from language.simulator import Simulator, simulate
from tests.language.fake_port import HEAD

MESSAGE = """message: {name}
class: service
email: {{subject: "Hello {{{{ profile.first_name | default: 'you' }}}}", body: "Code {{{{ start.code }}}}"}}
sms: Come back
voice: {{say: "Shall we call back?", gather: {{digits: 1}}}}
push: {{title: Hello, body: Come back}}
web_push: {{title: Hello, body: Come back}}
"""
JOURNEY = (
    HEAD
    + """exit: {on: Gone, outcome: gone}
steps:
  - send: hello
    via: email
  - wait: 2d
  - send: again
    via: sms
"""
)
SCENARIO = """scenario: as it should be
journey: j
customer: {traits: {first_name: Ana, email: ana@example.com, phone: "+5511987654321"}, time_zone: America/Sao_Paulo}
given:
  - {at: 0d, on: Go, with: {code: X7}}
expect:
  - {at: 0d, send: hello, via: email, contains: X7}
  - {at: 2d, send: again, via: sms}
  - {at: 2d, outcome: completed}
"""


def library_of(journey: str = JOURNEY, scenario: str = SCENARIO) -> Library:
    messages = {f"messages/{name}.yaml": MESSAGE.format(name=name) for name in ("hello", "again")}
    library = read_library({"j.yaml": journey, "scenarios/s.yaml": scenario, **messages})
    assert not library.errors, [str(finding) for finding in library.errors]
    return library


def mismatches(old: str = "", new: str = "", journey: str = JOURNEY) -> list[str]:
    """What does not agree when one piece of the scenario is written differently."""
    assert old in SCENARIO
    library = library_of(journey, SCENARIO.replace(old, new, 1))
    scenario = library.scenarios["scenarios/s.yaml"]
    return [mismatch.what for mismatch in compare(scenario, simulate(library, scenario))]


def happenings(journey: str, given: str, customer: str = "{traits: {email: a@example.com}}") -> list[Happening]:
    scenario = f"scenario: s\njourney: j\ncustomer: {customer}\ngiven:\n{given}"
    library = library_of(journey, scenario)
    return simulate(library, library.scenarios["scenarios/s.yaml"])


def test_a_scenario_that_holds_has_no_mismatches() -> None:
    assert mismatches() == []


def test_what_is_expected_and_missing_is_found() -> None:
    assert mismatches("via: sms}", "via: sms}\n  - {at: 2d, send: hello, via: sms}") == [
        "expected hello by sms, which did not happen then"
    ]


def test_what_is_sent_and_not_expected_is_found() -> None:
    assert mismatches("  - {at: 2d, send: again, via: sms}\n") == ["again by sms was sent, unexpected"]


def test_a_wrong_time_is_found() -> None:
    assert mismatches("2d, send", "1d 23h, send") == [
        "expected again by sms, which did not happen then",
        "again by sms was sent, unexpected",
    ]


def test_a_minute_is_near_enough() -> None:
    assert mismatches("0d, send", "59s, send") == []


def test_a_wrong_channel_is_found() -> None:
    assert mismatches("send: again, via: sms", "send: again, via: email") == [
        "expected again by email, which did not happen then",
        "again by sms was sent, unexpected",
    ]


def test_another_outcome_is_found() -> None:
    assert mismatches("completed", "converted") == [
        "expected the outcome converted, which did not happen then; it ended as completed"
    ]


def test_a_text_that_is_not_there_is_found() -> None:
    assert mismatches("contains: X7", "contains: Y8") == ["hello by email does not contain 'Y8'"]


def test_the_same_message_twice_has_to_be_expected_twice() -> None:
    twice = JOURNEY.replace("  - wait", "  - id: more\n    send: hello\n    via: email\n  - wait")
    assert mismatches(journey=twice) == ["hello by email was sent, unexpected"]


def test_a_message_that_comes_long_after_the_last_expectation_is_found() -> None:
    late = JOURNEY + "  - wait: 300d\n  - id: late\n    send: hello\n    via: email\n"
    assert "hello by email was sent, unexpected" in mismatches(journey=late)


def test_a_pause_that_nobody_asked_for_fails_the_scenario() -> None:
    library = library_of(scenario=SCENARIO.split("expect")[0])
    paused = Happening(timedelta(hours=1), "paused", "wait", why="a loop without a wait")
    (mismatch,) = compare(library.scenarios["scenarios/s.yaml"], [paused])
    assert mismatch.what == "wait was paused: a loop without a wait"


async def test_a_scenario_without_rest_is_cut_short_and_fails() -> None:
    restless = JOURNEY.split("  - wait: 2d")[0] + "  - id: tick\n    wait: 1m\n  - go_to: tick\n"
    library = library_of(restless)
    scenario = library.scenarios["scenarios/s.yaml"]
    played = await Simulator(library, scenario, most_wakes=100).run()
    assert played[-1].kind == "cut_short"
    assert any("was cut short: it waited 100 times" in mismatch.what for mismatch in compare(scenario, played))


def test_what_is_not_sent_says_why() -> None:
    played = happenings(JOURNEY, "  - {at: 0d, on: Go, with: {code: 1}}\n", "{traits: {email: nonsense}}")
    assert [(item.name, item.channel) for item in played if item.kind == "not_sent"] == [
        ("hello", "email"),
        ("again", "sms"),
    ]
    assert all(item.why for item in played if item.kind == "not_sent")


def test_an_exit_ends_it_and_a_second_start_is_refused_with_its_reason() -> None:
    played = happenings(
        JOURNEY, "  - {at: 0d, on: Go, with: {code: 1}}\n  - {at: 1d, on: Gone}\n  - {at: 2d, on: Go}\n"
    )
    assert [(item.kind, item.name) for item in played if item.kind != "event"] == [
        ("started", "j"),
        ("sent", "hello"),
        ("ended", "gone"),
        ("refused", "Go"),
    ]
    assert "again: never" in (played[-1].why or "")


def test_keyed_enrolments_run_side_by_side_and_a_start_without_a_key_is_refused() -> None:
    keyed = JOURNEY.replace("title: J", "title: J\nkey: event.flat")
    given = "  - {at: 0d, on: Go, with: {code: 1, flat: 7}}\n  - {at: 1d, on: Go, with: {code: 2, flat: 8}}\n"
    given += "  - {at: 1d, on: Go}\n  - {at: 2d 1h, on: Gone, with: {flat: 8}}\n"
    played = happenings(keyed, given, "{traits: {email: a@example.com, phone: '+5511987654321'}}")
    assert [(item.kind, item.at) for item in played if item.kind in ("started", "refused", "ended")] == [
        ("started", timedelta(0)),
        ("started", timedelta(days=1)),
        ("refused", timedelta(days=1)),
        ("ended", timedelta(days=2)),
        ("ended", timedelta(days=2, hours=1)),
    ]


def test_a_message_that_is_opened_wakes_who_waits_for_it() -> None:
    opened = (
        HEAD
        + """steps:
  - send: hello
    via: email
  - wait_for: {on: Email Opened, of: send_hello}
    within: 1d
    otherwise: [{stop: unread}]
  - stop: read
"""
    )
    given = "  - {at: 0d, on: Go, with: {code: 1}}\n  - {at: 3h, opened: hello}\n"
    assert happenings(opened, given)[-1] == Happening(timedelta(hours=3), "ended", "read")


def test_an_event_since_the_beginning_counts_but_not_the_one_that_began_it() -> None:
    counted = (
        HEAD
        + """steps:
  - wait: 1d
  - wait_for: [Go, Paid]
    already: counts
    within: 1d
    otherwise: [{stop: unpaid}]
  - stop: paid
"""
    )
    assert happenings(counted, "  - {at: 0d, on: Go}\n")[-1].name == "unpaid"
    assert happenings(counted, "  - {at: 0d, on: Go}\n  - {at: 1h, on: Paid}\n")[-1].name == "paid"


def test_moments_are_relative_to_the_beginning_in_the_customers_zone() -> None:
    until = HEAD + "steps:\n  - wait: {until: start.on}\n  - send: hello\n    via: email\n"
    given = "  - {at: 1d, on: Go, with: {code: 1, on: '{{ 3d }}'}}\n"
    played = happenings(until, given, "{traits: {email: a@example.com}, time_zone: Asia/Tokyo}")
    assert [item.at for item in played if item.kind == "sent"] == [timedelta(days=3)]


def test_a_zone_that_is_none_breaks_nothing() -> None:
    window = HEAD + "steps:\n  - wait: {window: '10:00-12:00'}\n  - send: hello\n    via: email\n"
    given = "  - {at: 0d, on: Go, with: {code: 1}}\n"
    played = happenings(window, given, "{traits: {email: a@example.com, time_zone: Mars}}")
    assert [item.at for item in played if item.kind == "sent"] == [timedelta(hours=1)]


def test_a_task_that_is_done_at_the_very_end_of_its_time_is_done_in_time() -> None:
    journey = JOURNEY.partition("steps:")[0] + (
        "steps:\n  - {task: ask, to: sales, within: 1h, results: {A: [{stop: answered}]}}\n  - stop: silent\n"
    )
    given = "  - {at: 0h, on: Go}\n  - {at: 1h, done: ask, result: A}\n"
    assert [item.name for item in happenings(journey, given) if item.kind == "ended"] == ["answered"]


def test_an_opening_before_the_wait_counts_where_what_came_already_does() -> None:
    journey = (
        HEAD
        + """steps:
  - {send: hello, via: email}
  - wait: 1d
  - wait_for: [{on: Email Opened, of: send_hello, do: [{stop: opened}]}]
    already: counts
    within: 1d
"""
    )
    given = "  - {at: 0d, on: Go, with: {code: X7}}\n  - {at: 1h, opened: hello}\n"
    assert [it.name for it in happenings(journey, given) if it.kind == "ended"] == ["opened"]


def test_digits_pressed_during_a_call_are_heard_by_the_step_after_it() -> None:
    wait = """steps:
  - {id: ask, send: hello, via: voice}
  - wait_for:
      - {on: Call Digits Pressed, of: ask, where: 'event.digits == "2"', do: [{stop: wants_it}]}
    within: 1m
  - stop: silent
"""
    phone = '{traits: {phone: "+5511987654321"}}'
    ends: dict[str, str] = {}
    for digits in ("2", "3"):
        given = f'  - {{at: 0d, on: Go}}\n  - {{at: 1m, pressed: hello, digits: "{digits}"}}\n'
        played = happenings(HEAD + wait, given + "  - {at: 2m, answered: hello}\n", phone)
        ends[digits] = next(it.name for it in played if it.kind == "ended")
    assert ends == {"2": "wants_it", "3": "silent"}


def test_a_tap_on_a_push_is_heard_on_the_channel_that_it_was_on() -> None:
    wait = """steps:
  - {id: ring, send: hello, via: [push, web_push]}
  - wait_for:
      - {on: [Push Clicked, Web Push Delivered], of: ring, do: [{stop: wrong}]}
      - {on: Push Opened, of: ring, do: [{stop: app}]}
      - {on: Web Push Opened, of: ring, do: [{stop: browser}]}
    within: 1d
  - stop: silent
"""
    devices = '{traits: {push_token: abc, web_push: {endpoint: "https://x.test", keys: {p256dh: a, auth: b}}}}'
    ends: dict[str, str] = {}
    for via in ("push", "web_push"):
        given = f"  - {{at: 0d, on: Go}}\n  - {{at: 1m, opened: hello, via: {via}}}\n"
        ends[via] = next(it.name for it in happenings(HEAD + wait, given, devices) if it.kind == "ended")
    assert ends == {"push": "app", "web_push": "browser"}
