"""Cron lines such as `0 9 * * 1`: minute, hour, day of the month, month, day of the week."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from language.compact import Compact

FIELDS = 5
EXAMPLE = "write for example 0 9 * * 1, which is Mondays at 09:00"
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_REACHES = (timedelta(hours=1), timedelta(days=1), timedelta(days=32))


class Cron(Compact):
    """One cron line. A local time that the clocks skip comes at the first moment after; one that they repeat, once."""

    def __init__(self, source: str) -> None:
        super().__init__(" ".join(source.split()))
        if len(self.source.split()) != FIELDS:
            raise ValueError(f"{source!r} is no cron line of {FIELDS} fields; {EXAMPLE}")
        try:
            is_ever = self.next_after(_SOME_DAY, ZoneInfo("UTC")) is not None
        except (CronSimError, AssertionError, ValueError) as error:
            raise ValueError(f"{source!r} is no cron line ({str(error).lower() or 'bad field'}); {EXAMPLE}") from None
        if not is_ever:
            raise ValueError(f"{source!r} names a day that never comes; {EXAMPLE}")

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first moment after this one, by the clocks of `zone` (aware UTC); None when there is none."""
        return next(self._moments(moment, zone), None)

    def last_between(self, after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
        """The last moment in (after, until]; None when there is none."""
        for reach in (*_REACHES, until - after):
            if found := list(self.between(max(after, until - reach), until, zone)):
                return found[-1]
        return None

    def between(self, after: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Every moment in (after, until], in order."""
        for moment in self._moments(after, zone):
            if moment > until:
                return
            yield moment

    def _moments(self, after: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        last = after
        for found in CronSim(self.source, after.astimezone(zone)):
            # Of local times that are skipped or repeated, several may come at one moment.
            if (moment := found.astimezone(UTC)) > last:
                yield moment
                last = moment

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "description": "A cron line.", "examples": ["0 9 * * 1"]}
