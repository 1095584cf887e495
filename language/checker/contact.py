"""What the contact policy would say on each path: caps, gaps, quiet hours, costs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from language.calendar import DEFAULT_TIME
from language.cap import DAY, Cap
from language.checker.subject import Subject
from language.duration import format_duration
from language.finding import Finding
from language.journey import Start
from language.path_cost import prices
from language.paths import Path as Way
from language.paths import PathMessage, walk, worst
from language.policy import Policy
from language.quiet_hours import quiet_until
from language.source import Path
from language.steps import Cascade, Coupon, Send, Set, Step, Wait, WindowWait
from language.steps import Start as StartJourney
from language.window import parse_minutes

SOON = timedelta(minutes=10)
MOST_WAYS = 500
_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_HERE = ((ZoneInfo("UTC"), timedelta(0)),)
Reason = tuple[str, ...]


class Contact(NamedTuple):
    """A message on a path that rules bear on, and the conditions under which its step is done.

    `gives_way`: the step says what happens at a cap: it waits, or goes on to the next channel.
    """

    sent: PathMessage
    class_: str
    topic: str | None
    when: frozenset[Reason]
    gives_way: bool


def findings(subject: Subject, policy: Policy) -> Iterator[Finding]:
    if subject.program is None or not all(map(_is_known, subject.steps.values())):
        return
    yield from _quiet(subject, policy)
    yield from _short(subject, policy)
    ways = walk(subject.program, most_paths=MOST_WAYS).paths
    reasons = {name: _reasons(subject, name) for name, step in subject.steps.items() if step.sends()}
    contacts = [tuple(_contacts(subject, way, reasons)) for way in ways]
    told: set[tuple[str, str]] = set()
    for judge in (_capped, _gapped, _crowded):
        for finding in judge(subject, policy, contacts):
            if (finding.step, finding.code) not in told:
                told.add((finding.step, finding.code))
                yield finding
    yield from _budget(subject, policy)


def _is_known(step: Step) -> bool:
    """Whether it is known by which channels a step sends."""
    return all(step.sends().values())


def _contacts(subject: Subject, way: Way, reasons: Mapping[str, frozenset[Reason]]) -> Iterator[Contact]:
    for sent in way.messages:
        message = subject.messages.get(sent.message)
        if message is not None and message.class_ != "transactional":
            gives_way = _gives_way(subject.steps[sent.step], sent.channel)
            yield Contact(sent, message.class_, message.topic, reasons[sent.step], gives_way)


def _gives_way(step: Step, channel: str) -> bool:
    if isinstance(step, Cascade) and step.on_cap == "next_channel":
        return channel != step.via[-1].channel
    return isinstance(step, Send | Cascade) and step.on_cap == "defer"


def _reasons(subject: Subject, step: str) -> frozenset[Reason]:
    """The conditions around a step: its own, and each way of a branch that it stands in."""
    path = subject.path_by_id[step]
    found: set[Reason] = set()
    for place, around in subject.placed:
        if path[: len(place)] == place:
            if around.when is not None:
                found.add((around.id, around.when.source))
            if around.verb == "branch" and place != path:
                found.add((around.id, *map(str, path[len(place) : len(place) + 2])))
    return frozenset(found)


# --- caps and gaps


def _capped(subject: Subject, policy: Policy, ways: Sequence[tuple[Contact, ...]]) -> Iterator[Finding]:
    for cap in policy.caps:
        for way in ways:
            bound = [one for one in way if cap.binds(one.sent.channel, one.class_, one.topic)]
            if last := _first_beyond(bound, cap):
                many = f"on one way this is message {cap.limit + 1} within {cap.span}"
                what = f"{many}, and the cap {cap.name} lets {cap.limit} pass"
                remedy = "send fewer, or further apart; or let it wait with `on_cap: defer`"
                yield subject.warning(subject.path_by_id[last.sent.step], what, remedy, "breaks-cap")
                break


def _first_beyond(bound: Sequence[Contact], cap: Cap) -> Contact | None:
    """The first message that the cap holds back, whatever the customer does on this way."""
    for number, last in enumerate(bound):
        before = [one for one in bound[:number] if one.when <= last.when and _is_within(one, last, cap)]
        if len(before) >= cap.limit and not last.gives_way:
            return last
    return None


def _is_within(one: Contact, last: Contact, cap: Cap) -> bool:
    if last.sent.most is None:
        return False
    apart = last.sent.most - one.sent.least
    return apart <= cap.per - DAY if cap.calendar else apart < cap.per


def _gapped(subject: Subject, policy: Policy, ways: Sequence[tuple[Contact, ...]]) -> Iterator[Finding]:
    gap = policy.minimum_gap
    if gap is None:
        return
    for way in ways:
        for one, other in _pairs([one for one in way if one.class_ == "promotional"], gap):
            if other.gives_way:
                continue
            soon = f"on one way it comes within {format_duration(gap)} of `{one.sent.step}`"
            what = f"{soon}, and `minimum_gap` holds it back"
            remedy = "put a longer wait between them, or write `on_cap: defer`"
            yield subject.warning(subject.path_by_id[other.sent.step], what, remedy, "breaks-gap")


def _crowded(subject: Subject, _: Policy, ways: Sequence[tuple[Contact, ...]]) -> Iterator[Finding]:
    for way in ways:
        for channel in dict.fromkeys(one.sent.channel for one in way):
            for one, other in _pairs([one for one in way if one.sent.channel == channel], SOON):
                what = f"on one way it comes by {channel} within minutes of `{one.sent.step}`"
                remedy = "put a wait between them, or make one message of both"
                yield subject.warning(subject.path_by_id[other.sent.step], what, remedy, "two-at-once")


def _pairs(contacts: Sequence[Contact], within: timedelta) -> Iterator[tuple[Contact, Contact]]:
    """Messages of two steps, one after the other, that are surely so close. Neither excludes the other."""
    for number, other in enumerate(contacts):
        for one in contacts[:number]:
            is_close = other.sent.most is not None and other.sent.most - one.sent.least < within
            if is_close and one.sent.step != other.sent.step and (one.when <= other.when or other.when <= one.when):
                yield one, other


# --- quiet hours


def _quiet(subject: Subject, policy: Policy) -> Iterator[Finding]:
    """What surely falls due in quiet hours: after a window, or on a date, that lies in them."""
    for step in subject.steps.values():
        if isinstance(step, Wait) and isinstance(step.wait, WindowWait):
            window = step.wait.window
            spans = [(day, window.start, window.end) for day in window.days]
            after = subject.program.place_by_id[step.id].after if subject.program else None
            yield from _held(subject, policy, after, spans, f"the window {window.source} lies")
    starts = [start for start in subject.journey.start if start.date is not None]
    if starts and len(starts) == len(subject.journey.start) and subject.program:
        for start in starts:
            at = _minutes(start)
            spans = [(day, at, at + 1) for day in range(7)]
            first = subject.program.first
            yield from _held(
                subject, policy, first, spans, f"{start.at or DEFAULT_TIME}, when the journey starts, lies"
            )


def _minutes(start: Start) -> int:
    return parse_minutes(start.at or DEFAULT_TIME)


def _held(
    subject: Subject, policy: Policy, step: str | None, spans: list[tuple[int, int, int]], what: str
) -> Iterator[Finding]:
    for sending in _at_once(subject, step):
        for name, channels in sending.sends().items():
            message = subject.messages.get(name)
            quiet = [one for one in channels if all(_is_quiet(policy, one, *span) for span in spans)]
            if message and message.class_ != "transactional" and quiet:
                said = f"{what} in the quiet hours of {' and '.join(quiet)}: it is always held back"
                remedy = "choose another time, or send a transactional message"
                yield subject.warning(subject.path_by_id[sending.id], said, remedy, "always-quiet")


def _at_once(subject: Subject, name: str | None) -> Iterator[Step]:
    """The steps that send, from this one on, as long as no time passes and nothing is decided."""
    program = subject.program
    while program and name:
        place = program.place_by_id[name]
        step = place.step
        if isinstance(step, Send | Cascade):
            yield step
        if not isinstance(step, Set | StartJourney | Coupon | Send) or "voice" in getattr(step, "via", ()):
            return
        name = place.after


def _is_quiet(policy: Policy, channel: str, day: int, begin: int, end: int) -> bool:
    moment = _MONDAY + timedelta(days=day, minutes=begin)
    until = quiet_until(policy.quiet_spans(channel), moment, _HERE)
    return until is None or until >= moment + timedelta(minutes=end - begin)


def _short(subject: Subject, policy: Policy) -> Iterator[Finding]:
    """A message that may wait its turn, but not through a night."""
    for path, step in subject.placed:
        if not isinstance(step, Send | Cascade) or step.on_cap != "defer" or step.valid_for is None:
            continue
        channels = [channel for via in step.sends().values() for channel in via]
        night = max((_longest(policy, channel) for channel in channels), default=timedelta(0))
        if step.valid_for < night:
            what = f"it may wait (`on_cap: defer`), but not as long as quiet hours last ({format_duration(night)})"
            yield subject.warning((*path, "valid_for"), what, "lengthen `valid_for`", "short-validity")


def _longest(policy: Policy, channel: str) -> timedelta:
    lengths = ((parse_minutes(span.to) - parse_minutes(span.from_)) % (24 * 60) for span in policy.quiet_spans(channel))
    return timedelta(minutes=max(lengths, default=0))


# --- costs


def _budget(subject: Subject, policy: Policy) -> Iterator[Finding]:
    """The dearest way, of a journey with stages the dearest of each stage together."""
    if policy.budget is None or subject.program is None:
        return
    limit, costs = policy.budget.per_enrolment, worst(subject.program, prices(subject.messages, policy))
    known = [cost for cost in costs.values() if cost is not None]
    total = sum(known, Decimal(0))
    place: Path = ("stages",) if subject.journey.stages else ("steps",)
    if len(known) < len(costs):
        what = f"what one enrolment may cost has no limit that can be proved, the budget is {limit}"
        yield subject.warning(
            place, what, "let no loop send again and again: use `repeat`, or end it with a `stop`", "over-budget"
        )
    elif total > limit:
        each = "each stage once" if subject.journey.stages else "on its dearest way"
        what = f"the messages of one enrolment may cost {total:.2f} {policy.costs.currency} ({each})"
        remedy = "send less by phone, or raise the budget in policy.yaml"
        yield subject.warning(place, f"{what}, the budget is {limit}", remedy, "over-budget")
    yield from _unpriced(subject, policy)


def _unpriced(subject: Subject, policy: Policy) -> Iterator[Finding]:
    told: set[str] = set()
    for path, step in subject.placed:
        for channel in (channel for via in step.sends().values() for channel in via):
            if channel not in told and policy.costs.worst(channel) is None:
                told.add(channel)
                what = f"there is a budget, but no price for {channel}"
                yield subject.warning(path, what, f"add `{channel}: …` under `costs:` in policy.yaml", "no-price")
