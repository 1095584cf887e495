"""Where a customer's clocks stand: by their profile, phone or address, or by what the policy says of the unknown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import phonenumbers
from babel.core import get_global
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number
from pydantic import AfterValidator, Field

from language.local_time import UnknownZone, ZoneName, find_zone
from language.part import Part
from language.quiet_hours import Clock

DEFAULT_ZONE = "UTC"
HOUR = timedelta(hours=1)


def _check_country(code: str) -> str:
    if len(code) != 2 or not code.isalpha() or not code.isupper():
        raise ValueError(f"{code!r} is not a country's code; write two capital letters, for example RU")
    return code


Country = Annotated[str, AfterValidator(_check_country)]


class TimeZones(Part):
    """What holds for customers whose profile names no zone."""

    default: ZoneName = Field(
        default=DEFAULT_ZONE, description="For customers of whom nothing is known.", examples=["Europe/Moscow"]
    )
    countries: dict[Country, ZoneName] = Field(
        default_factory=dict,
        description="The zone to take for a country that has several, by the phone's or the address's country.",
        examples=[{"RU": "Europe/Moscow", "US": "America/Chicago"}],
    )


@dataclass(frozen=True, slots=True)
class CustomerZone:
    """`name` is the zone to show times in. `source` says in words where it is from; `candidates` are all zones that
    it may be, where that is not certain; without any, it is a guess that an hour either way may mend."""

    name: str
    source: str
    candidates: tuple[str, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return find_zone(self.name)

    def clocks(self, now: datetime) -> list[Clock]:
        """All the clocks that the customer may live by, one of those that show the same time."""
        zones = {zone.utcoffset(now.astimezone(zone)): zone for zone in map(find_zone, self.candidates)}
        return [(zone, timedelta()) for zone in zones.values()] or self.neighbours()

    def neighbours(self) -> list[Clock]:
        """The zone's own clock and those of the zones next to it."""
        return [(self.zone, ahead) for ahead in (timedelta(), HOUR, -HOUR)]


def customer_zone(traits: Mapping[str, Any], time_zone: str | None, zones: TimeZones) -> CustomerZone:
    """`time_zone` is the profile's own, if it is told apart from the traits."""
    for name in (time_zone, traits.get("time_zone"), traits.get("timezone")):
        if isinstance(name, str) and (known := _known(name)):
            return CustomerZone(known, "by the profile", (known,))
    country, found = _of_phone(traits.get("phone"))
    if zone := _of_country(country, found, zones, "by the phone"):
        return zone
    country = _country_of_address(traits)
    found = tuple(filter(_known, get_global("territory_zones").get(country, ()))) if country else ()
    if zone := _of_country(country, found, zones, "by the address"):
        return zone
    return CustomerZone(zones.default, "by default")


def _of_country(country: str | None, found: tuple[str, ...], zones: TimeZones, source: str) -> CustomerZone | None:
    """The one zone there is, or the one that the policy names, or any of several."""
    if len(found) != 1 and country in zones.countries:
        found = (zones.countries[country],)
    if not found:
        return None
    return CustomerZone(found[0] if len(found) == 1 else zones.default, source, found)


def _of_phone(value: Any) -> tuple[str | None, tuple[str, ...]]:
    """The country of a number and the zones it may be in: one, where the number or a small country tells."""
    try:
        number = phonenumbers.parse(value)
    except (phonenumbers.NumberParseException, TypeError):
        return None, ()
    names = (name for name in time_zones_for_number(number) if name != UNKNOWN_TIMEZONE)
    return phonenumbers.region_code_for_number(number), tuple(filter(_known, names))


def _country_of_address(traits: Mapping[str, Any]) -> str | None:
    address = traits.get("address")
    country = address.get("country") if isinstance(address, Mapping) else None
    code = country or traits.get("country")
    return code.upper() if isinstance(code, str) and len(code) == 2 else None


def _known(name: str) -> str | None:
    try:
        return find_zone(name).key
    except UnknownZone:
        return None
