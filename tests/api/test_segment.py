from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.parcel import Parcel, salvage
from api.salvage import NoObject, elements, members
from api.segment import Reading, Unreadable, moment
from store.ingest_event import IncomingEvent

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "type", "userId", "anonymousId", "previousId", "groupId", "messageId", "event", "name", "category", "properties",
    "traits", "context", "timestamp", "originalTimestamp", "sentAt",
)  # fmt: skip
KINDS = ("track", "identify", "page", "screen", "group", "alias")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from((*KINDS, None)))
def test_whatever_stands_in_its_fields_an_item_is_read_or_refused(item: dict[str, Any], kind: Any) -> None:
    try:
        event = Reading("backend", kind, NOW).read({"userId": "u1", "event": "A", "previousId": "p", **item})
    except Unreadable:
        return
    assert isinstance(event, IncomingEvent)
    assert event.identifiers()
    assert event.occurred_at is not None
    assert event.occurred_at <= NOW


@given(st.binary(max_size=40) | st.text(alphabet='{}[],:"\\ab1 ', max_size=40).map(str.encode), st.booleans())
def test_whatever_the_bytes_a_body_is_taken_apart_or_refused(body: bytes, single: bool) -> None:
    events, rejects = salvage(body, single=single).sort(Reading("backend", "track" if single else None, NOW))
    assert len(events) + len(rejects) >= (1 if single else 0)


def test_salvage_finds_the_parts_as_they_were_written() -> None:
    body = b' {"batch": [ {"a": "x,]}\\""}, [1, {"b": []}] ,nonsense, ""], "sentAt" : null } '
    assert members(body)["sentAt"] == b"null"
    assert elements(members(body)["batch"]) == [b'{"a": "x,]}\\""}', b'[1, {"b": []}]', b"nonsense", b'""']
    assert elements(b"[]") == []
    with pytest.raises(NoObject):
        members(b'{"a": [}')


@pytest.mark.parametrize(
    ("said", "sent", "occurred"),
    [
        (NOW - timedelta(hours=1), None, NOW - timedelta(hours=1)),
        (NOW - timedelta(hours=1), NOW, NOW - timedelta(hours=1)),
        (NOW + timedelta(hours=1), NOW + timedelta(hours=2), NOW - timedelta(hours=1)),
        (NOW + timedelta(hours=1), None, NOW),
        (datetime(1960, 1, 1, tzinfo=UTC), None, NOW),
    ],
)
def test_the_senders_clock_is_corrected(said: datetime, sent: datetime | None, occurred: datetime) -> None:
    reading = Reading("backend", "track", NOW, sent)
    assert reading.read({"userId": "u1", "event": "A", "timestamp": said.isoformat()}).occurred_at == occurred


def test_moments_are_read_in_the_forms_sdks_write() -> None:
    expected = datetime(2026, 11, 22, 6, 22, 4, 684000, tzinfo=UTC)
    for text in ("2026-11-22T06:22:04.684Z", "2026-11-22T06:22:04.684000+00:00", "2026-11-22T08:22:04.684+02:00"):
        assert moment(text) == expected
    assert moment("2026-11-22T06:22:04.684") == expected


def test_traits_of_the_item_win_over_those_of_its_context() -> None:
    item = {"userId": "u1", "traits": {"plan": "pro"}, "context": {"traits": {"plan": "free", "city": "Riga"}}}
    assert Reading("backend", "identify", NOW).read(item).traits == {"plan": "pro", "city": "Riga"}
    assert Reading("backend", "track", NOW).read({**item, "event": "A"}).traits is None


def test_a_parcel_without_items_is_one_reject() -> None:
    events, rejects = Parcel(b"{}", flaw="nothing in it").sort(Reading("backend"))
    assert (events, [reject.reason for reject in rejects]) == ([], ["nothing in it"])
