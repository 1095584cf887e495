"""The root of everything a YAML file holds: frozen, closed to unknown fields."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A piece of a journey, message or scenario. An unknown field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
