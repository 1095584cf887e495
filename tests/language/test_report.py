"""What support staff read about an enrolment."""

from datetime import UTC, datetime, timedelta

from language.library import read_library
from language.program import Program, define
from language.program import program as read_program
from language.report import report, result_in_words
from language.state import MOST_PASSED, Passed, State
from tests.language.fake_port import world

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG = "start.name == '" + "x" * 3_000 + "'"


def program(steps: str) -> Program:
    text = f"journey: told\ntitle: Told\nstart: {{on: Begun}}\nsteps:\n{steps}"
    message = "message: hello\nclass: service\nsms: hello\nemail: {subject: hello, body: hello}\n"
    library = read_library({"told.yaml": text, "messages/hello.yaml": message})
    assert not library.errors, library.errors
    return read_program(define(library.journeys["told"]))


WAITS = program("""
  - {send: hello, via: sms}
  - wait_for:
      - on: Clicked
        do: [{id: answer, send: hello, via: email}]
    within: 1d
    otherwise: [{stop: silent}]
""")


def test_it_says_where_it_stands_what_comes_next_and_what_was_done() -> None:
    sent = Passed(step="send_hello", left_at=AT, result="SMS sent")
    state = State(
        step="wait_for_clicked", is_inside=True, entered_at=AT, waits_until=AT + timedelta(days=1), trail=[sent]
    )
    assert report(WAITS, state) == (
        "**Now:** wait for Clicked, at most 1d  \n"
        "since Monday, 2 March 2026, 09:00 UTC  \n"
        "**until Tuesday, 3 March 2026, 09:00 UTC**\n"
        "\n"
        "**Next:**\n\n"
        "- on Clicked: send EMAIL hello\n"
        "- when the time is up: end as silent\n"
        "\n"
        "| done at (UTC) | step | result |\n"
        "|---|---|---|\n"
        "| 2026-03-02 09:00 | send SMS hello | SMS sent |"
    )


def test_a_pause_and_the_end_are_said_first() -> None:
    assert report(WAITS, State(step="wait_for_clicked", is_paused=True)).startswith("**Paused:**")
    assert report(WAITS, State(step="wait_for_clicked", outcome="silent")) == "**Ended: silent**"


def test_it_stays_short_however_long_the_journey_s_texts_are() -> None:
    arms = "".join(f'      - {{when: "{LONG} + string({n})", do: [{{id: end_{n}, stop: over}}]}}\n' for n in range(15))
    branching = program(f"  - branch:\n{arms}")
    trail = [Passed(step="branch", left_at=AT, result="y" * 120)] * MOST_PASSED
    assert len(report(branching, State(step="branch", trail=trail)).encode()) < 20_000


async def test_it_names_the_stage_and_what_a_person_may_answer() -> None:
    text = """
journey: j
title: J
start: {on: Status}
stage: {on: Status, is: event.to}
stages:
  study:
    steps:
      - task: qualify
        to: sales
        within: 1d
        results: {A: [{send: m, via: email}]}
"""
    given = await world(text, horizon=timedelta(hours=1)).run()
    assert "**Stage:** study" in given.shown[-1]
    assert "- if A: send EMAIL m" in given.shown[-1]
    assert "- when the time is up: wait for the next status" in given.shown[-1]


def test_what_another_system_or_an_event_said_is_not_told() -> None:
    said = {"status": "lead", "reason": "Ann Smith"}
    assert result_in_words({"outcome": "done", "answer": said}) == "done"
    assert result_in_words({"outcome": "Qualified", "event": said}) == "Qualified"
