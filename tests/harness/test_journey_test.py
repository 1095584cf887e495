"""The developers' harness: the same assertions hold in the simulator and on Temporal."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from harness import BrokenJourney, CannotHappen, UnknownName, journey_test

JOURNEYS = Path(__file__).parents[2] / "journeys"
RESERVATION = JOURNEYS / "reservation.yaml"
QUALIFY = JOURNEYS / "qualify.yaml"
BOTH = pytest.mark.parametrize("on", ["simulator", "temporal"])
On = Literal["simulator", "temporal"]


@BOTH
async def test_reservation_is_reminded_the_day_before_it_ends(on: On) -> None:
    async with journey_test(RESERVATION, on=on) as journey:
        ends_at = journey.now + timedelta(days=3)
        await journey.track("Funnel Status Changed", to="ready_to_reserve", complex_id=7, flat="12", expires_at=ends_at)
        assert journey.sent == [("booking_instructions", "email")]
        assert "12" in journey.text("booking_instructions")
        assert journey.at == "day_before"

        await journey.skip(days=2)
        assert journey.sent[1:] == [("reservation_ends", "email"), ("reservation_ends", "sms")]
        assert journey.at == "last_day"

        await journey.skip(days=1)
        assert journey.outcome == "expired"


@BOTH
async def test_customer_without_address_is_told_of(on: On) -> None:
    async with journey_test(RESERVATION, on=on, customer={"first_name": "Ana"}) as journey:
        ends_at = journey.now + timedelta(days=3)
        await journey.track("Funnel Status Changed", to="ready_to_reserve", complex_id=7, expires_at=ends_at)
        assert journey.sent == []
        assert journey.why == ["booking_instructions by email: the customer has no email"]

        await journey.track("Funnel Status Changed", to="cancelled", complex_id=7)
        assert journey.outcome == "moved_on"


@BOTH
async def test_person_answers_and_system_refuses(on: On) -> None:
    async with journey_test(QUALIFY, on=on, answers={"crm_deal": "refused"}) as journey:
        await journey.track("Qualification Requested")
        assert journey.tasks == ["qualify"]

        await journey.complete("qualify", "A")
        assert journey.calls == ["crm_deal"]
        assert journey.tasks == ["enter_deal"]

        await journey.skip(hours=25)
        assert journey.tasks == ["personal_offer"]


@BOTH
async def test_what_cannot_happen_fails_the_test(on: On) -> None:
    async with journey_test(RESERVATION, on=on) as journey:
        with pytest.raises(CannotHappen, match="booking_instructions: it was not sent before, so it cannot be opened"):
            await journey.opened("booking_instructions")
        await journey.track("Funnel Status Changed", to="ready_to_reserve", complex_id=7)
        await journey.opened("booking_instructions")


@BOTH
async def test_customer_is_in_a_stage(on: On) -> None:
    purchase = JOURNEYS / "apartment_purchase.yaml"
    async with journey_test(purchase, on=on) as journey:
        await journey.track("Funnel Status Changed", to="ready_to_reserve", complex_id=7)
        assert journey.stage is not None


async def test_mistyped_names_are_said_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"reservatoin\.yaml; did you mean reservation\.yaml\?"):
        async with journey_test(JOURNEYS / "reservatoin.yaml"):
            pass
    async with journey_test(RESERVATION) as journey:
        with pytest.raises(UnknownName, match="did you mean reservation_ends"):
            await journey.opened("reservation_end")
    async with journey_test(QUALIFY) as journey:
        with pytest.raises(UnknownName, match="no result X; there are A, B, C, D"):
            await journey.complete("qualify", "X")


async def test_broken_journey_is_said_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "trial.yaml"
    file.write_text("journey: trial\nstart: {on: Begun}\nsteps:\n  - {send: welcom, via: sms}\n")
    with pytest.raises(BrokenJourney, match=r"trial\.yaml:4: .*welcom"):
        async with journey_test(file):
            pass
