"""A scenario as people read it: a plan with dates in the customer's time, what it held against, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.text import Text

from language.comparison import Comparison, Mismatch
from language.duration import format_duration
from language.happening import Happening
from language.local_time import find_zone
from language.scenario import Scenario
from language.simulator import beginning

WORDS = {
    "event": ("given", "cyan"),
    "traits": ("given", "cyan"),
    "started": ("begins", "bold"),
    "refused": ("no entry", "yellow"),
    "ignored": ("ignored", "yellow"),
    "sent": ("sent", "green"),
    "held": ("held", "yellow"),
    "not_sent": ("not sent", "yellow"),
    "wait": ("waits", "dim"),
    "stage": ("stage", "blue"),
    "goal": ("goal", "bold green"),
    "set": ("writes", "magenta"),
    "arm": ("arm", "magenta"),
    "coupon": ("coupon", "magenta"),
    "task": ("task", "magenta"),
    "start": ("into", "magenta"),
    "call": ("calls", "magenta"),
    "paused": ("paused", "red"),
    "impossible": ("cannot be", "red"),
    "cut_short": ("cut short", "red"),
    "ended": ("ends", "bold"),
    "why": ("", "dim"),
}
"""The word and the colour of each kind of happening."""

LONGEST_TEXT = 70
"""Characters of a message's first line, or of a value."""

_MARGIN = " " * 38


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario and what became of it."""

    file: str
    scenario: Scenario
    happenings: list[Happening]
    comparison: Comparison
    took: float

    @property
    def holds(self) -> bool:
        return not self.comparison.mismatches


def headline(played: Played) -> Text:
    mark = Text("holds ", "bold green") if played.holds else Text("fails ", "bold red")
    about = f"  {played.file}  {played.took * 1000:.0f} ms"
    return mark + Text(played.scenario.scenario, "bold") + Text(about, "dim")


def plan(played: Played, *, explain: bool) -> Iterator[Text]:
    """A line for each thing that happened, and for each that was missed; with `explain` also the reasons."""
    several = len({it.enrolment for it in played.happenings if it.enrolment}) > 1
    last = ""
    for moment, item in _in_order(played):
        if isinstance(item, Mismatch):
            line = Text(f"✗ {'':<10}{item.what}", "red")
        elif item[1].kind != "why":
            line = _line(played, *item, several)
        elif explain:
            line = Text(f"    · {item[1].name}: {item[1].why}", "dim")
        else:
            continue
        yield Text(_MARGIN if moment == last else moment, "dim") + line
        last = moment


def _in_order(played: Played) -> Iterator[tuple[str, tuple[int, Happening] | Mismatch]]:
    """Happenings with their places, and mismatches that are none of them, each with its moment in words."""
    begins = beginning(played.scenario)
    told = {(it.at, f"{it.name} by {it.channel} was sent, unexpected") for it in played.happenings}
    missed = [it for it in played.comparison.mismatches if (it.at, it.what) not in told]
    zone = next((it.zone for it in played.happenings if it.zone), None)
    for number, item in enumerate(played.happenings):
        while missed and missed[0].at < item.at:
            yield _moment(begins, missed[0].at, zone), missed.pop(0)
        zone = item.zone or zone
        yield _moment(begins, item.at, zone), (number, item)
    for mismatch in missed:
        yield _moment(begins, mismatch.at, zone), mismatch


def _line(played: Played, number: int, item: Happening, several: bool) -> Text:
    word, style = WORDS[item.kind]
    met, unexpected = number in played.comparison.met, number in played.comparison.unexpected
    mark = Text("✓ ", "green") if met else Text("✗ ", "red") if unexpected else Text("  ")
    which = f" (enrolment {item.enrolment})" if several and item.kind in ("started", "ended") else ""
    what = f"{_said(played, item)}{', unexpected' if unexpected else ''}{which}"
    return mark + Text(f"{word:<10}", style) + Text(what, "red" if unexpected else style)


def _said(played: Played, item: Happening) -> str:
    """What happened, after its word."""
    channel = f" by {item.channel}" if item.channel else ""
    until = _at(beginning(played.scenario), item.until, item.zone) if item.until is not None else ""
    match item.kind:
        case "event" | "traits":
            about = (item.values or {}).get("message") or (item.values or {}).get("task")
            return _event(item, str(about) if item.step and about else None)
        case "sent":
            first = next((line for line in (item.text or "").splitlines() if line.strip()), "")
            return f"{item.name}{channel}" + (f": {_short(first)}" if first else "")
        case "held":
            return f"{item.name}{channel} until {until}: {item.why}"
        case "wait":
            words = item.name.removeprefix("wait ") if item.name.startswith("wait ") else f"during {item.name}"
            return f"{words} → {until}" if until else f"{words}, without a time limit"
        case "task":
            return f"{item.name} {item.why}" if item.why else item.name
        case "set":
            return _values(item.values)
    return f"{item.name}{channel}" + (f": {item.why}" if item.why else "")


def _event(item: Happening, about: str | None) -> str:
    if about is not None:
        result = (item.values or {}).get("result")
        channel = (item.values or {}).get("channel")
        return f"{item.name}: {about}" + (f" by {channel}" if channel else "") + (f", {result}" if result else "")
    values = _values(item.values)
    if item.kind == "traits":
        return f"traits: {values}"
    return f"{item.name} ({values})" if values else item.name


def _values(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name}: {_short(str(value))}" for name, value in (values or {}).items())


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _moment(begins: datetime, at: timedelta, zone: str | None) -> str:
    return f"  {_at(begins, at, zone):<22}{_length(at):>12}  "


def _at(begins: datetime, at: timedelta, zone: str | None) -> str:
    return f"{(begins + at).astimezone(find_zone(zone or 'UTC')):%a %d %b %Y %H:%M}"


def _length(at: timedelta) -> str:
    """Since the beginning, as `at:` is written."""
    whole = timedelta(seconds=round(at.total_seconds()))
    return "0d" if not whole else format_duration(whole)


# --- as JSON


def as_json(played: Played) -> dict[str, Any]:
    """All that is known of it, the same whenever the same is played. Times are seconds since the beginning."""
    begins = beginning(played.scenario)
    happenings = [
        {
            **_plain(asdict(item)),
            "local": (begins + item.at).astimezone(find_zone(item.zone or "UTC")).isoformat(),
            **({"expected": True} if number in played.comparison.met else {}),
            **({"expected": False} if number in played.comparison.unexpected else {}),
        }
        for number, item in enumerate(played.happenings)
    ]
    return {
        "scenario": played.scenario.scenario,
        "file": played.file,
        "journey": played.scenario.journey,
        "begins": begins.isoformat(),
        "holds": played.holds,
        "happenings": happenings,
        "mismatches": [_plain(asdict(item)) for item in played.comparison.mismatches],
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v.total_seconds() if isinstance(v, timedelta) else v for k, v in values.items() if v is not None}
