"""Journey time: how a journey's clock runs against the wall clock."""

from datetime import datetime, timedelta
from typing import Protocol, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Clock(Protocol):
    """What settings say of the journeys' clock."""

    @property
    def clock_speed(self) -> float: ...

    @property
    def clock_origin(self) -> datetime | None: ...


class Pace(BaseModel):
    """A journey's clock: `speed` journey seconds pass in one real second since `origin`, when both clocks agreed.

    Speed 1 is the wall clock itself. Other speeds exist on the embedded stack only (`sojourn up --speed`). `shift` puts
    the journeys' clock ahead by so much, for tests that begin on a day of their own.
    """

    model_config = ConfigDict(frozen=True)

    speed: float = Field(default=1.0, gt=0)
    origin: AwareDatetime | None = None
    shift: timedelta = timedelta(0)

    @classmethod
    def of(cls, clock: Clock) -> Self:
        return cls(speed=clock.clock_speed, origin=clock.clock_origin)

    def journey_time(self, real: datetime) -> datetime:
        """What the journey's clock shows at a real moment; both aware UTC."""
        if self.speed == 1.0 or self.origin is None:
            return real + self.shift
        return self.origin + (real - self.origin) * self.speed + self.shift

    def real_time(self, journey: datetime) -> datetime:
        """The real moment at which the journey's clock shows `journey`."""
        journey -= self.shift
        if self.speed == 1.0 or self.origin is None:
            return journey
        return self.origin + (journey - self.origin) / self.speed

    def real_delay(self, journey: timedelta) -> timedelta:
        """How long a stretch of journey time takes in reality."""
        return journey / self.speed
