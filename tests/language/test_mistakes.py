"""What people get wrong when they write journeys, messages and scenarios, and what they are told: where, what, how to
mend it. Each mistake gives exactly its finding: no follow-up noise, no crash."""

import pytest

from language.library import read_library
from tests.language.mistakes.mistake import Mistake, the_only

JOURNEY = "journey: j\ntitle: J\nstart: {on: Go}\n"
STEPS = JOURNEY + "steps:\n"
MESSAGE = "message: m\nclass: service\nemail: {subject: S, body: B}\n"
SCENARIO = "scenario: s\njourney: j\ngiven:\n  - {at: 0d, on: Go}\n"
FILES = {"j.yaml": STEPS + "  - send: m\n", "messages/m.yaml": MESSAGE}
SCENARIOS = "scenarios/s.yaml"


def head(line: str) -> str:
    """A journey with one more line in its head, the fourth."""
    return JOURNEY + line + "\nsteps:\n  - send: m\n"


def step(*lines: str) -> str:
    """A journey with this step, from line 5 on."""
    return STEPS + "".join(f"  {'-' if number == 0 else ' '} {line}\n" for number, line in enumerate(lines))


TEXT = [
    Mistake("nothing at all", "", 1, "file", "is empty", "begin with `journey"),
    Mistake("a list", "- a\n- b\n", 1, "file", "not a list of fields", "begin with `journey"),
    Mistake("a tab", "journey: j\n\ttitle: J\n", 2, "file", "a tab", "spaces"),
    Mistake("an open quote", step('send: "m'), 5, "file", "quote", "close it"),
    Mistake("a colon inside a text", head("note: at once: now"), 4, "file", "colon", "in quotes"),
    Mistake("a crooked line", STEPS + "  - send: m\n via: email\n", 6, "file", "not indented", "align"),
    Mistake("a field twice", head("title: K"), 4, "file", "`title` stands twice", "keep one"),
    Mistake("two documents", FILES["j.yaml"] + "---\na: 1\n", 6, "file", "second document", "one document a file"),
    Mistake("an invisible character", head("note: a\x00b"), 4, "file", "U+0000", "delete it"),
    Mistake("an alias", head("note: *that"), 4, "file", "begins with `*`", "quotes"),
    Mistake("too deep", "a: " + "[" * 100 + "]" * 100, 1, "file", "nested too deeply", "levels"),
]

HEAD = [
    Mistake("no start", "journey: j\ntitle: J\nsteps: [{send: m}]\n", 1, "start", "`start` is missing", "add `start"),
    Mistake("an empty start", "journey: j\ntitle: J\nstart: []\nsteps: [{send: m}]\n", 3, "start", "empty", "one"),
    Mistake(
        "a start by nothing",
        "journey: j\ntitle: J\nstart: {where: event.x}\nsteps: [{send: m}]\n",
        3,
        "start",
        "exactly one of on, call",
        "`on: Signed Up`",
    ),
    Mistake("an id in words", FILES["j.yaml"].replace("j\n", "My J\n", 1), 1, "journey", "'My J'", "small letters"),
    Mistake("a field misspelt", head("ownr: me"), 4, "ownr", "no field `ownr`", "did you mean `owner`?"),
    Mistake("a field nobody knows", head("zzzzz: 1"), 4, "zzzzz", "no field `zzzzz`", "remove it"),
    Mistake("again, when", head("again: sometimes"), 4, "again", "'sometimes'", "'never', 'after_exit' or 'always'"),
    Mistake("again after what", head("again: {after: soon}"), 4, "again", "'soon' is not a duration", "2d"),
    Mistake("a single equals", head("exit: {on: X, where: event.a = 1}"), 4, "exit", "a single `=`", "`==`"),
    Mistake("and in words", head("exit: {on: X, where: event.a and event.b}"), 4, "exit", "`and`", "&&"),
    Mistake("half a condition", head("exit: {on: X, where: event.a ==}"), 4, "exit", "too early", "for example"),
    Mistake(
        "a condition of several lines",
        head("exit:\n  on: X\n  where: evnt.a == 1"),
        6,
        "exit",
        "`evnt` is no name",
        "did you mean `event`?",
    ),
    Mistake(
        "the second of several",
        head("exit:\n  - on: A\n  - on: B\n    outcome: Too Late"),
        7,
        "exit",
        "'Too Late'",
        "small letters",
    ),
    Mistake("a goal on steps", head("goal: {on: X, where: steps.a.b}"), 4, "goal", "`steps` may not", "use event"),
    Mistake("a start on start", head("").replace("{on: Go}", "{on: Go, where: start.x}"), 3, "start", "`start`", "use"),
    Mistake("one key for all", head("key: \"'x'\""), 4, "key", "same for every event", "event."),
    Mistake("match without a key", head("exit: {on: X, match: customer}"), 4, "exit", "no use", "remove it"),
    Mistake("of in an exit", head("exit: {on: X, of: send_m}"), 4, "exit", "`of` has no use", "wait_for"),
    Mistake("a number out of range", head("control: 200"), 4, "control", "200", "less than or equal to 100"),
    Mistake("no steps", JOURNEY, 1, "file", "no steps", "add `steps:`"),
    Mistake("steps that are no list", JOURNEY + "steps:\n  send: m\n", 4, "steps", "a group of fields", "own `-`"),
    Mistake("an empty event name", head('exit: {on: ""}'), 4, "exit", "`on` is an empty text", "write something"),
    Mistake("control beyond all", head("control: 110"), 4, "control", "`control` is 110", "100"),
    Mistake(
        "not built: an audience",
        FILES["j.yaml"].replace("{on: Go}", "{audience: {joins: rich}}"),
        3,
        "start",
        "not built",
        "start on an event",
    ),
]

STEP = [
    Mistake("a word", step("send"), 5, "steps", "'send' is not a step", "- verb"),
    Mistake("no verb", step("via: email"), 5, "via", "has no verb", "add one of"),
    Mistake("two verbs", step("send: m", "wait: 2d"), 5, "send_m", "2 verbs: send, wait", "each with its own `-`"),
    Mistake("a verb misspelt", step("sned: m"), 5, "sned", "no step `sned`", "did you mean `send`?"),
    Mistake("a rung that never ends", step("cascade: m", "via: [email, sms]"), 6, "cascade_m", "how long", "wait: 6h"),
    Mistake("an unknown message", step("send: mm"), 5, "send_mm", "no message `mm`", "did you mean `m`?"),
    Mistake("no message like it", step("send: hello"), 5, "send_hello", "`hello`", "write messages/hello.yaml"),
    Mistake("an unknown channel", step("send: m", "via: fax"), 6, "send_m", "'fax' is no channel", "email, sms"),
    Mistake("a channel twice", step("send: m", "via: [email, email]"), 6, "send_m", "twice", "name each once"),
    Mistake("a channel without text", step("send: m", "via: sms"), 6, "send_m", "no text for sms", "choose email"),
    Mistake("a value unused", step("send: m", "with: {a: '1'}"), 6, "send_m", "does not use `a`", "remove it"),
    Mistake("days in words", step("wait: 2 days"), 5, "wait", "'2 days' is not a duration", "2d"),
    Mistake("a bare number", step("wait: 2"), 5, "wait", "2 is not a duration", "2d"),
    Mistake("an endless duration", step("wait: 99999d"), 5, "wait", "ten years", "mend"),
    Mistake("no duration at all", step("wait: 0s"), 5, "wait", "zero long", "wait: 1h"),
    Mistake("no silence at all", step("wait: {inactive: 0s}"), 5, "wait", "zero long", "inactive: 7d"),
    Mistake("an unknown wait", step("wait: {till: start.x}"), 5, "wait", "until, window, inactive", "wait: 2d"),
    Mistake("an unknown way", step("wait:", "  until: start.x", "  past: later"), 7, "wait", "'later'", "'skip'"),
    Mistake("a loose window", step("wait: {window: Mon-Fri 9-18}"), 5, "wait", "not a window", "09:00-18:00"),
    Mistake("a window backwards", step("wait: {window: '18:00-09:00'}"), 5, "wait", "before it starts", "earlier"),
    Mistake("a strange day", step("wait: {window: 'Lu 09:00-18:00'}"), 5, "wait", "'Lu' is no day", "Mon, Tue"),
    Mistake(
        "a date that cannot move",
        step("wait: {until: profile.x, rearm_on: Y}"),
        5,
        "wait",
        "the date does not use",
        "start.",
    ),
    Mistake("again without when", step("wait: {until: start.x, again_if_moved: true}"), 5, "wait", "nothing", "rearm"),
    Mistake("nothing to wait for", step("wait_for: []", "within: 1d"), 5, "wait_for", "is empty", "at least one"),
    Mistake(
        "a condition inside an arm",
        step("wait_for:", "  - on: X", "    where: sum > 3", "within: 1d"),
        7,
        "wait_for_x",
        "`sum` is no name",
        "use event",
    ),
    Mistake(
        "an otherwise that never comes",
        head("exit: Gone").replace("- send: m", "- wait_for: X\n    otherwise:\n      - send: m"),
        7,
        "wait_for_x",
        "never done",
        "add `within",
    ),
    Mistake(
        "a condition beside the wait",
        step("wait_for: X", "where: event.a == 1", "within: 1d"),
        6,
        "wait_for",
        "no field `where` here",
        "`where` below `on`",
    ),
    Mistake("no time at all", step("wait_for: X", "within: 0s"), 6, "wait_for_x", "zero", "within: 1d"),
    Mistake("an endless wait", step("wait_for: X"), 5, "wait_for_x", "waits without limit", "within"),
    Mistake(
        "of what", step("wait_for: {on: Email Opened, of: x}", "within: 1d"), 5, "wait_for_email_opened", "`of: x`", ""
    ),
    Mistake("an empty branch", step("branch: []"), 5, "branch", "is empty", "at least one"),
    Mistake("a way without when", step("branch:", "  - do: [{send: m}]"), 6, "branch", "`when` is missing", "add"),
    Mistake(
        "an unknown function",
        step("send: m", "when: startswith(profile.a, 'x')"),
        6,
        "send_m",
        "no function `startswith`",
        "did you mean `startsWith`?",
    ),
    Mistake("a text without quotes", step("set: {a: hello}"), 5, "set", "`hello` is no name", "texts stand in quotes"),
    Mistake("a text of two words", step("set: {a: hello world}"), 5, "set", "at column 7", "for example"),
    Mistake("an unknown step named", step("send: m", "when: steps.x.y"), 6, "send_m", "no step `x`", "send_m"),
    Mistake("an unknown journey named", step("send: m", "when: journeys.k.active"), 6, "send_m", "`k`", "there are j"),
    Mistake("an event that was not", step("send: m", "when: event.a"), 6, "send_m", "`event` is the event", "start."),
    Mistake("maybe", step("send: m", "enabled: maybe"), 6, "send_m", "'maybe'", "true or false"),
    Mistake("an outcome in words", step("stop: Not Now"), 5, "stop_Not Now", "'Not Now'", "small letters"),
    Mistake("a target misspelt", step("go_to: stpo"), 5, "go_to_stpo", "no step `stpo`", "there are go_to_stpo"),
    Mistake("the same twice", STEPS + "  - send: m\n" * 2, 6, "send_m", "taken, in line 5", "`id` of its own"),
    Mistake("after the end", STEPS + "  - stop: a\n  - send: m\n", 6, "send_m", "nothing leads", "remove it"),
    Mistake("round and round", STEPS + "  - send: m\n  - go_to: send_m\n", 5, "send_m", "without any time", "wait"),
    Mistake(
        "round past a wait with a condition",
        STEPS + "  - send: m\n  - wait: 1d\n    when: profile.slow\n  - go_to: send_m\n",
        5,
        "send_m",
        "without any time",
        "wait",
    ),
]

MESSAGES = [
    Mistake(name, text, line, place, what, remedy, "messages/m.yaml")
    for name, text, line, place, what, remedy in (
        ("no class", MESSAGE.replace("class: service\n", ""), 1, "class", "`class` is missing", "add `class"),
        ("an unknown class", MESSAGE.replace("service", "urgent"), 2, "class", "'urgent'", "'transactional'"),
        ("no topic", MESSAGE.replace("service", "promotional"), 1, "file", "needs a topic", "add topic"),
        ("no text", "message: m\nclass: service\n", 1, "file", "no text", "write at least one of email"),
        ("an open value", MESSAGE.replace("S,", "'{{ a',"), 3, "email", "not valid Liquid", "{{ profile"),
        ("an unknown filter", MESSAGE.replace("S,", "'{{ a | upcas }}',"), 3, "email", "no filter 'upcas'", "upcase"),
        ("two bodies", MESSAGE.replace("B}", "B, html: C}"), 3, "email", "body and html", "exactly one"),
        ("another id", MESSAGE.replace(": m", ": n", 1), 1, "message", "holds the message `n`", "name the file n"),
    )
]
SHOWS = [
    Mistake("a name misspelt", MESSAGE.replace("B}", "'{{ profle.a }}'}"), 5, "send_m", "`profle.a`", "`profile`?"),
    Mistake("a value nobody gives", MESSAGE.replace("B}", "'{{ code }}'}"), 5, "send_m", "`code`", "with: {code"),
    Mistake("an unknown step shown", MESSAGE.replace("B}", "'{{ steps.x.y }}'}"), 5, "send_m", "`x`", "send_m"),
    Mistake("no event to show", MESSAGE.replace("B}", "'{{ event.a }}'}"), 5, "send_m", "no wait_for", "start."),
]

SCENARIO_MISTAKES = [
    Mistake(name, text, line, place, what, remedy, SCENARIOS)
    for name, text, line, place, what, remedy in (
        ("an unknown journey", SCENARIO.replace(": j", ": k"), 2, "journey", "no journey `k`", "there are j"),
        ("an unreadable time", SCENARIO.replace("0d", "now"), 4, "given", "'now' is not a duration", "2d"),
        ("no time", SCENARIO.replace("at: 0d, ", ""), 4, "given", "`at` is missing", "add `at"),
        ("two things at once", SCENARIO.replace("on: Go", "on: Go, opened: m"), 4, "given", "exactly one", "split it"),
        ("nothing given", SCENARIO.replace(", on: Go", ""), 4, "given", "exactly one", "split it"),
        ("a crooked moment", SCENARIO.replace("Go}", "Go, with: {a: '{{ 9x }}'}}"), 4, "given", "'9x'", "2d"),
        ("an unknown zone", SCENARIO + "customer: {time_zone: Mars}\n", 5, "customer", "'Mars'", "Europe/Moscow"),
        ("no zone", SCENARIO + "begins: 2026-01-01T09:00\n", 5, "begins", "2026-01-01T09:00", "add the zone"),
        (
            "out of order",
            SCENARIO + "expect: [{at: 2d, outcome: a}, {at: 1d, outcome: b}]\n",
            1,
            "file",
            "order",
            "sort",
        ),
        ("a send by what", SCENARIO + "expect:\n  - {at: 2d, send: m}\n", 6, "expect", "its channel", "via: email"),
        ("nothing expected", SCENARIO + "expect:\n  - {at: 2d}\n", 6, "expect", "is a `send`", "one of them"),
        (
            "no such text",
            SCENARIO + "expect:\n  - {at: 2d, send: m, via: sms}\n",
            6,
            "expect",
            "for sms",
            "choose email",
        ),
        ("no such message", SCENARIO + "expect:\n  - {at: 2d, send: n, via: sms}\n", 6, "expect", "`n`", "there are m"),
        ("opened what", SCENARIO + "  - {at: 1d, opened: n}\n", 5, "given", "no message `n`", "there are m"),
    )
]


def found(**texts: str) -> list[str]:
    files = {**FILES, **{name.replace("__", "/") + ".yaml": text for name, text in texts.items()}}
    return [str(finding) for finding in read_library(files).findings]


@pytest.mark.parametrize("mistake", [*TEXT, *HEAD, *STEP, *MESSAGES, *SCENARIO_MISTAKES], ids=lambda m: m.name)
def test_a_mistake_gives_its_finding_and_no_other(mistake: Mistake) -> None:
    findings = read_library({**FILES, mistake.file: mistake.text}).findings
    assert the_only(findings, mistake).file == mistake.file


@pytest.mark.parametrize("mistake", SHOWS, ids=lambda m: m.name)
def test_what_a_message_shows_must_be_something_that_the_send_can_give(mistake: Mistake) -> None:
    findings = read_library({**FILES, "messages/m.yaml": mistake.text}).findings
    assert the_only(findings, mistake).file == "j.yaml"


def test_there_are_enough_of_them() -> None:
    assert len({m.name for m in (*TEXT, *HEAD, *STEP, *MESSAGES, *SHOWS, *SCENARIO_MISTAKES)}) >= 100


def test_all_faults_of_a_file_are_found_at_once() -> None:
    text = """journey: j
title: J
start: {on: Go}
exit: {on: X, wehre: 1}
steps:
  - send: unknown
  - sned: m
  - wait: 2 days
  - send: m
    when: foo == 1
    valid_for: ever
  - branch:
      - when: profile.a = 1
        do:
          - send: nor_this
"""
    lines = [line.split(": ", 2) for line in found(j=text)]
    assert [(place, name) for place, name, _ in lines] == [
        ("j.yaml:4", "exit"),
        ("j.yaml:6", "send_unknown"),
        ("j.yaml:7", "sned"),
        ("j.yaml:8", "wait"),
        ("j.yaml:10", "send_m"),
        ("j.yaml:11", "send_m"),
        ("j.yaml:13", "branch"),
    ]


def test_faults_of_several_files_are_told_together_each_once() -> None:
    findings = found(
        messages__m=MESSAGE.replace("service", "urgent"), k=STEPS.replace(": j", ": k", 1) + "  - wait: soon\n"
    )
    assert [line.split(":")[0] for line in findings] == ["k.yaml", "messages/m.yaml"]


def test_a_faulty_message_or_journey_makes_no_noise_where_it_is_named() -> None:
    broken = step("send: m", "valid_for: ever")
    assert len(found(j=broken, scenarios__s=SCENARIO, messages__m=MESSAGE.replace("B}", "'{{'}"))) == 2


def test_an_id_is_taken_once() -> None:
    findings = found(other__j=FILES["j.yaml"])
    assert len(findings) == 1
    assert "also in j.yaml" in findings[0]


def test_stages_need_what_names_them() -> None:
    (finding,) = found(j=JOURNEY + "stages: {a: {steps: [{send: m}]}}\n")
    assert finding.startswith("j.yaml:1: file: nothing says which stage it is; add `stage:")


def test_a_file_that_unfolds_without_end_is_refused_at_once() -> None:
    folded = "\n".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    (finding,) = found(j="a: &a [x, y]\n" + folded)
    assert "values" in finding


def test_a_journey_too_large_to_be_carried_is_refused() -> None:
    text = STEPS + "".join(f"  - {{id: s{n}, send: m, with: {{a: \"'{'x' * 900}'\"}}}}\n" for n in range(80))
    assert any("at most 64 KB" in line for line in found(j=text))


def test_a_warning_is_no_error() -> None:
    library = read_library({**FILES, "j.yaml": step("wait_for: X")})
    assert [finding.severity for finding in library.findings] == ["warning"]
    assert library.errors == ()


def test_what_is_right_has_no_findings() -> None:
    assert found(scenarios__s=SCENARIO) == []


@pytest.mark.parametrize("verb", ["coupon: codes", "task: look\n    to: sales\n    within: 1d"])
def test_what_stands_below_is_led_to_though_otherwise_stops(verb: str) -> None:
    assert found(j=STEPS + f"  - {verb}\n    otherwise: [{{stop: none}}]\n  - send: m\n") == []
