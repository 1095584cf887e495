"""`sojourn publish`: make the journeys of a directory live."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from api.publish import publish
from language.clock import Pace
from runtime.settings import Settings
from scripts.database import opened
from scripts.directory import read_directories


async def run(settings: Settings, directory: Path) -> int:
    """Publish all or, when anything is wrong, nothing; prints a line for each journey or finding."""
    library = read_directories([directory])
    for finding in library.findings:
        typer.echo(str(finding), err=True)
    if library.errors:
        typer.echo("nothing was published", err=True)
        return 1
    pace = Pace.of(settings)
    async with opened(settings, pool_size=2) as db:
        now = pace.journey_time(datetime.now(UTC))
        for done in await publish(db, library.compiled(), at=now, policy=library.policy):
            typer.echo(f"{done.journey}: version {done.version} {'is live now' if done.is_new else 'was live already'}")
    return 0
