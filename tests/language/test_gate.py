"""The contact policy at the gate: which rule decides, in which order, in which words, and when it would be possible."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from language.cap import Contact
from language.gate import MessageGate
from language.message import Message
from language.policy import Policy
from language.port import Progress, SendMessage
from language.sending import Addressee, Consent, Draft, Hold, Judgement, Refusal

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC)
"""A Wednesday."""

NIGHT = {"quiet_hours": {"from": "21:00", "to": "09:00"}}
WEEKLY = {"caps": [{"name": "weekly", "limit": 3, "per": "7d", "class": "promotional"}]}


def message(class_: str = "promotional") -> Message:
    return Message.model_validate({"message": "m", "class": class_, "topic": "offers", "sms": "Hi {{ profile.name }}"})


def order(at: datetime = NOON, **more: Any) -> SendMessage:
    progress = Progress(enrolment_id=1, run_id="r", seen_seq=1, at=at)
    head = {"key": "1/s/1/sms", "customer_id": 1, "journey": "j", "version": 1, "step": "s", "visit": 1}
    times = {"due_at": at, "at": at, "progress": progress}
    return SendMessage.model_validate({**head, "channel": "sms", "message": "m", **times, **more})


def judge(
    policy: dict[str, Any],
    *contacts: Contact,
    at: datetime = NOON,
    class_: str = "promotional",
    zone: str | None = "UTC",
    consents: tuple[Consent, ...] = (),
    **send: Any,
) -> Judgement:
    rules = Policy.model_validate(policy)
    gate = MessageGate(order(at, **send), message(class_), "p", "+1", at, policy=rules)
    customer = Addressee(1, {"name": "Ana", "phone": "+5511987654321"}, None, zone)
    return gate.judge(customer, gate.recipient(customer), consents, is_dead=False, contacts=contacts)


def contact(ago: timedelta, at: datetime = NOON, **more: Any) -> Contact:
    return Contact(**{**Contact(at - ago, "sms", "promotional", "offers", "9/s/1")._asdict(), **more})


THREE = tuple(contact(timedelta(days=days)) for days in (1, 3, 5))
NIGHT_REASON = "quiet hours, 21:00 to 09:00 in UTC, by the profile; next possible Thursday 09:00"


def test_without_a_policy_nothing_is_in_the_way() -> None:
    assert isinstance(judge({}, *THREE), Draft)


@pytest.mark.parametrize("class_", ["promotional", "service"])
def test_quiet_hours_hold_until_their_end(class_: str) -> None:
    night = NOON.replace(hour=23)
    assert judge(NIGHT, at=night, class_=class_) == Hold(NOON.replace(day=15, hour=9), NIGHT_REASON)


def test_quiet_hours_are_the_customers_own() -> None:
    assert isinstance(judge(NIGHT, at=NOON.replace(hour=23), zone="America/Sao_Paulo"), Draft)
    held = judge(NIGHT, at=NOON.replace(hour=11), zone=None)
    assert held == Hold(
        NOON, "quiet hours, 21:00 to 09:00 in America/Sao_Paulo, by the phone; next possible Wednesday 09:00"
    )


DUE = NOON - timedelta(minutes=50)
AWAY = "waiting for the provider: no connection"


@pytest.mark.parametrize(
    ("valid_for", "minutes", "verdict"),
    [
        (None, 600, Hold(NOON + timedelta(minutes=600), AWAY)),
        (60, 10, Hold(NOON + timedelta(minutes=10), AWAY)),
        (60, 11, Hold(NOON + timedelta(minutes=10), AWAY)),
        (50, 1, Refusal("expired", f"{AWAY}, longer than it is valid for")),
        (49, 1, Refusal("expired", f"{AWAY}, longer than it is valid for")),
    ],
)
def test_a_provider_is_waited_for_as_long_as_the_message_is_valid(
    valid_for: int | None, minutes: int, verdict: Judgement
) -> None:
    last = timedelta(minutes=valid_for) if valid_for else None
    away = Hold(NOON + timedelta(minutes=minutes), AWAY)
    gate = MessageGate(order(due_at=DUE, valid_for=last), message(), "p", "+1", NOON, away=away)
    customer = Addressee(1, {"name": "Ana", "phone": "+5511987654321"}, None, "UTC")
    assert gate.judge(customer, gate.recipient(customer), (), is_dead=False) == verdict


def test_a_channel_may_have_quiet_hours_of_its_own() -> None:
    for own, kind in (("never", Draft), ({"from": "11:00", "to": "13:00"}, Hold)):
        policy = {"quiet_hours": {"from": "10:00", "to": "14:00", "channels": {"sms": own}}}
        assert isinstance(judge(policy), kind)


def test_a_hold_beyond_its_validity_is_no_hold() -> None:
    night = NOON.replace(hour=23)
    assert isinstance(judge(NIGHT, at=night, valid_for=timedelta(hours=10)), Hold)
    assert judge(NIGHT, at=night, valid_for=timedelta(hours=10) - timedelta(seconds=1)) == Refusal(
        "expired", f"{NIGHT_REASON}, later than it is valid for"
    )


def test_transactional_passes_everything() -> None:
    policy = {**NIGHT, **WEEKLY, "minimum_gap": "4h"}
    judged = judge(policy, *THREE, at=NOON.replace(hour=23), class_="transactional", held_out=True)
    assert isinstance(judged, Draft)


def test_a_reached_cap_drops_and_says_which_and_when_next() -> None:
    reason = "3 promotional messages in 7 days, limit 3; next possible Friday 12:00"
    assert judge(WEEKLY, *THREE) == Refusal("suppressed", reason)
    assert judge(WEEKLY, *THREE, on_cap="next_channel") == Refusal("suppressed", reason)
    assert isinstance(judge(WEEKLY, *THREE[:2]), Draft)


def test_deferring_waits_until_the_oldest_counted_is_out_of_the_window() -> None:
    held = judge(WEEKLY, *THREE, on_cap="defer")
    assert isinstance(held, Hold)
    assert held.until == NOON + timedelta(days=2)
    assert isinstance(judge(WEEKLY, *THREE, at=held.until), Draft)
    assert isinstance(judge(WEEKLY, *THREE, at=held.until - timedelta(microseconds=1)), Refusal)


def test_deferring_beyond_validity_expires() -> None:
    judged = judge(WEEKLY, *THREE, on_cap="defer", valid_for=timedelta(days=1))
    assert isinstance(judged, Refusal)
    assert judged.verdict == "expired"


def test_what_is_free_again_at_night_is_possible_in_the_morning() -> None:
    free_at_eleven = contact(timedelta(days=7) - timedelta(hours=11))
    held = judge({**WEEKLY, **NIGHT}, *(free_at_eleven,) * 3, on_cap="defer")
    assert isinstance(held, Hold)
    assert held.until == NOON.replace(day=15, hour=9)


def test_calendar_days_are_the_customers_own() -> None:
    daily = {"caps": [{"name": "daily", "limit": 1, "per": "1d", "calendar": True}]}
    yesterday = contact(timedelta(hours=14))  # 22:00 UTC: still the 13th there, the 14th in Tokyo
    assert isinstance(judge(daily, yesterday), Draft)
    judged = judge(daily, yesterday, zone="Asia/Tokyo", on_cap="defer")
    assert isinstance(judged, Hold)
    assert judged.until == NOON.replace(hour=15)
    assert judged.reason == "1 message in 1 calendar day, limit 1; next possible Thursday 00:00"


def test_a_cap_counts_only_what_it_names() -> None:
    cap = {"name": "c", "limit": 1, "per": "1d", "channel": "sms", "topic": "offers"}
    hour = timedelta(hours=1)
    others = (
        contact(hour, channel="email"),
        contact(hour, topic="news"),
        contact(hour, message_class="transactional"),
        contact(timedelta(days=1)),
    )
    assert isinstance(judge({"caps": [cap]}, *others), Draft)
    assert isinstance(judge({"caps": [cap]}, contact(hour, message_class="service")), Refusal)
    counting = {**cap, "count_transactional": True}
    assert isinstance(judge({"caps": [counting]}, others[2]), Refusal)
    assert isinstance(judge({"caps": [{**cap, "channel": "email"}]}, contact(hour, channel="email")), Draft)


def test_a_promotional_message_keeps_its_distance_from_the_last() -> None:
    gap = {"minimum_gap": "4h"}
    hour = timedelta(hours=1)
    assert judge(gap, contact(hour)) == Refusal(
        "suppressed", "the last promotional message was less than 4 hours ago; next possible Wednesday 15:00"
    )
    assert isinstance(judge(gap, contact(hour, step="1/s/1", channel="email")), Draft)  # the same by another channel
    assert isinstance(judge(gap, contact(hour), class_="service"), Draft)
    assert isinstance(judge(gap, contact(4 * hour)), Draft)


def test_the_control_group_gets_nothing_and_that_is_not_held_over_night() -> None:
    judged = judge(NIGHT, at=NOON.replace(hour=23), held_out=True)
    assert judged == Refusal("held_out", "the customer is in the control group, which gets nothing")


def test_who_has_opted_out_is_not_held_but_refused() -> None:
    judged = judge(NIGHT, at=NOON.replace(hour=23), consents=(Consent(None, None, "opted_out"),))
    assert isinstance(judged, Refusal)
    assert judged.verdict == "suppressed"


def test_a_message_costs_what_its_country_and_parts_cost() -> None:
    costs = {"costs": {"sms": {"default": 0.06, "+5": 0.05, "+55": "0.039"}}}
    judged = judge(costs)
    assert isinstance(judged, Draft)
    assert judged.cost == Decimal("0.039")
    unpriced = judge({"costs": {"email": 1}})
    assert isinstance(unpriced, Draft)
    assert unpriced.cost is None


@pytest.mark.parametrize(
    ("zone", "last_second", "next_day"),
    [
        ("UTC", (2026, 1, 14, 23, 59, 59), (2026, 1, 15, 0)),
        ("Asia/Kathmandu", (2026, 1, 14, 18, 14, 59), (2026, 1, 14, 18, 15)),
        ("America/Sao_Paulo", (2018, 11, 4, 2, 59, 59), (2018, 11, 4, 3)),  # midnight is skipped: the day begins at one
        ("America/Havana", (2026, 11, 1, 3, 59, 59), (2026, 11, 1, 4)),  # midnight comes twice: the first begins it
        ("Australia/Lord_Howe", (2026, 4, 4, 12, 59, 59), (2026, 4, 4, 13)),
    ],
)
def test_a_calendar_day_ends_with_the_second_before_the_customers_midnight(
    zone: str, last_second: tuple[int, ...], next_day: tuple[int, ...]
) -> None:
    daily = {"caps": [{"name": "daily", "limit": 1, "per": "1d", "calendar": True}]}
    before, midnight = (datetime(*at, tzinfo=UTC) for at in (last_second, next_day))  # type: ignore[misc, arg-type]
    earlier = contact(timedelta(hours=2), before)
    held = judge(daily, earlier, at=before, zone=zone, on_cap="defer")
    assert isinstance(held, Hold)
    assert held.until == midnight
    assert isinstance(judge(daily, earlier, at=midnight, zone=zone), Draft)


def test_the_gap_is_over_with_its_last_moment() -> None:
    gap, last = {"minimum_gap": "4h"}, contact(timedelta(hours=4))
    assert isinstance(judge(gap, last), Draft)
    early = judge(gap, last, at=NOON - timedelta(microseconds=1), on_cap="defer")
    assert isinstance(early, Hold)
    assert early.until == NOON
