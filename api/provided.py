"""What routes get of the application's parts."""

from typing import Annotated

from fastapi import Depends, Request

from api.parts import Parts
from store.database import Database


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def _database(parts: Annotated[Parts, Depends(_parts)]) -> Database:
    return parts.db


App = Annotated[Parts, Depends(_parts)]
Db = Annotated[Database, Depends(_database)]
