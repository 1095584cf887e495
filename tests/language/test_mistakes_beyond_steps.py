"""What people get wrong with stages, cascades, tasks, experiments, calendars, expressions and the policy: each mistake
gives exactly its one finding."""

import time

import pytest

from language.library import read_library
from tests.language.mistakes.calendar import CALENDAR
from tests.language.mistakes.doing import CALLS, DOING
from tests.language.mistakes.expressions import EXPRESSIONS
from tests.language.mistakes.messages import MESSAGES
from tests.language.mistakes.mistake import FILES, LONG, MESSAGE, PLAYED, Mistake, the_only
from tests.language.mistakes.policy import FEW, POLICY, QUIET
from tests.language.mistakes.scenarios import SCENARIOS
from tests.language.mistakes.sending import SENDING
from tests.language.mistakes.stages import KEYS, STAGES

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
    the_only(findings, mistake)


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
