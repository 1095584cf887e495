"""The funnel of a flat's buyer: every status of the CRM has one place."""

from collections import Counter
from pathlib import Path

from harness.reading import read
from language.listening import stage_by_status

JOURNEY = read(Path(__file__).parents[2] / "journeys").journeys["apartment_purchase"]
LISTED = [status for name, stage in JOURNEY.stages.items() for status in (name, *stage.statuses)]


def test_a_deal_has_more_than_forty_statuses() -> None:
    assert len(set(LISTED)) > 40


def test_no_status_stands_for_two_stages() -> None:
    assert [status for status, count in Counter(LISTED).items() if count > 1] == []
    assert len(stage_by_status(JOURNEY)) == len(LISTED)


def test_no_status_both_ends_the_funnel_and_stands_for_a_stage() -> None:
    ends = [
        status for status in LISTED for clause in JOURNEY.exit if clause.where and f'"{status}"' in clause.where.source
    ]
    assert ends == []


def test_each_stage_that_the_developer_described_is_there() -> None:
    described = ["acquaintance", "study", "before_meeting", "after_viewing", "offer", "reservation", "purchase"]
    assert {*described, "settling_in"} <= set(JOURNEY.stages)
