"""Which published versions there are to ask, kept in memory and never staler than the asking transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from language.listening import ACTIVITY, Listener, listener

LIVE = """
SELECT array_agg(journey || ' ' || version ORDER BY journey) FROM journey_versions WHERE state = 'live'
"""
"""What is live, as one value to compare: a transaction that reads anything else than what is loaded loads again."""

_LOAD = """
SELECT journey, version, state, definition FROM journey_versions WHERE state IN ('live', 'archived')
"""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Listeners:
    """The listeners of all published versions: newcomers are asked of the live ones, enrolments of their own."""

    def __init__(self) -> None:
        self._live: list[str] | None = None
        self._by_version: dict[tuple[str, int], Listener] = {}
        self._live_by_start: dict[str, list[Listener]] = {}
        self._by_name: dict[str, list[Listener]] = {}

    @classmethod
    def only(cls, *known: Listener) -> "Listeners":
        """Those of some versions, for what concerns only their enrolments."""
        listeners = cls()
        listeners._by_version = {(it.journey, it.version): it for it in known}
        return listeners

    async def refresh(self, connection: Any, live: list[str] | None) -> None:
        """Load what was published since; `live` is what `LIVE` gave in this transaction."""
        if live == self._live:
            return
        rows = await connection.fetch(_LOAD)
        by_version = {(row["journey"], row["version"]): listener(row["definition"], row["version"]) for row in rows}
        newcomers = [by_version[row["journey"], row["version"]] for row in rows if row["state"] == "live"]
        self._by_version = by_version
        self._live_by_start = _by(newcomers, lambda it: it.start_names)
        self._by_name = _by(by_version.values(), lambda it: it.event_names)
        self._live = live

    def of(self, journey: str, version: int) -> Listener:
        return self._by_version[journey, version]

    def concerned(self, name: str, is_activity: bool) -> Sequence[Listener]:
        """Every version that an event of this name can matter to."""
        return _find(self._by_name, name, is_activity)

    def starting(self, name: str, is_activity: bool) -> Sequence[Listener]:
        """The live versions that an event of this name may start."""
        return _find(self._live_by_start, name, is_activity)


def goal_since(listeners: Iterable[Listener], name: str, is_activity: bool, at: datetime) -> datetime | None:
    """From which start on a closed enrolment may still reach its goal by this event; None: it cannot."""
    goals = [goal for it in listeners if (goal := it.definition.goal) and goal.names(name, is_activity)]
    return min((BEGINNING if goal.within is None else at - goal.within for goal in goals), default=None)


def _by(listeners: Iterable[Listener], names: Any) -> dict[str, list[Listener]]:
    found: dict[str, list[Listener]] = defaultdict(list)
    for it in listeners:
        for name in sorted(names(it)):
            found[name].append(it)
    return dict(found)


def _find(index: dict[str, list[Listener]], name: str, is_activity: bool) -> Sequence[Listener]:
    named, any_activity = index.get(name, ()), index.get(ACTIVITY, ()) if is_activity else ()
    return [*named, *(it for it in any_activity if it not in named)] if any_activity else named
