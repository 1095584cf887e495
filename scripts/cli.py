"""The `sojourn` command. Each command imports what it needs when it runs, so that `--help` answers at once."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from runtime.settings import Settings

FileKind = Literal["journey", "message", "scenario", "policy", "destinations"]

app = typer.Typer(
    help="Customer journeys in YAML, durable on Temporal, driven by your backend's analytics events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def up(
    data: Annotated[Path, typer.Option(help="Where databases, logs and development keys are kept.")] = Path(".sojourn"),
    port: Annotated[int, typer.Option(help="Port of the API; 0 picks a free one.")] = 8000,
    temporal_port: Annotated[int, typer.Option(help="Port of Temporal; 0 picks a free one.")] = 7233,
    ui_port: Annotated[int, typer.Option(help="Port of Temporal's pages; 0 picks a free one.")] = 8233,
    speed: Annotated[
        float | None, typer.Option(help="Journey seconds per real second: at 86400 a day takes a second.", min=0.001)
    ] = None,
    journeys: Annotated[Path | None, typer.Option(help="Directory of journeys to publish.", exists=True)] = None,
) -> None:
    """Run everything on this machine.

    PostgreSQL, Temporal and its pages, the API, the worker: until Ctrl-C, leaving nothing running.
    """
    from scripts.up import run

    sys.exit(asyncio.run(run(data, port, temporal_port, ui_port, speed, journeys)))


@app.command()
def api() -> None:
    """Run the HTTP API.

    Events come in, what became of them goes out.
    """
    from scripts.serve import run

    run(_settings(lambda settings: settings.require_api()))


@app.command()
def worker() -> None:
    """Run the worker: journeys and what they send."""
    settings = _settings(lambda settings: settings.require_worker())
    import uvloop
    from prometheus_client import start_http_server

    from worker.main import run

    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, addr=settings.host)
    uvloop.run(run(settings))


@app.command()
def migrate() -> None:
    """Bring the database's tables up to date."""
    settings = _settings()
    from scripts.database import REFUSALS, refused
    from store.migrate import migrate as run

    try:
        run(settings.database_url)
    except (OSError, *REFUSALS) as error:
        refused(error)


@app.command()
def publish(
    directory: Annotated[Path, typer.Argument(help="Journeys, messages and scenarios.", exists=True)],
) -> None:
    """Publish the journeys of a directory.

    All of them or, when anything is wrong, none. Whoever is inside already keeps the version they began with.
    """
    settings = _settings(_import_functions)
    from scripts.publish import run

    sys.exit(asyncio.run(run(settings, directory)))


@app.command()
def check(
    paths: Annotated[list[Path] | None, typer.Argument(help="Journey files or directories.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    explain: Annotated[str | None, typer.Option(metavar="CODE", help="Say what a finding's code means.")] = None,
) -> None:
    """Say what is wrong in journeys.

    One line a finding, `file:line: step: what; remedy`. Exit code 1 if anything is an error; warnings alone are none.
    """
    from scripts.check import run, run_explain

    if explain is not None:
        sys.exit(run_explain(explain))
    if not paths:
        raise typer.BadParameter("name files or directories, for example: sojourn check journeys")
    _settings(_import_functions)
    sys.exit(run(paths, as_json=json))


@app.command()
def simulate(
    scenarios: Annotated[list[Path], typer.Argument(help="Scenario files or directories; see --all-paths.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say of everything why it happened.")] = False,
    all_paths: Annotated[
        bool, typer.Option("--all-paths", help="List every way through a journey: name its file or its id.")
    ] = False,
    journeys: Annotated[Path | None, typer.Option(help="Directory of the journeys, if not the one above.")] = None,
) -> None:
    """Play scenarios in virtual time, or list all paths of a journey.

    Exit code 0 when every expectation holds.
    """
    _settings(_import_functions)
    if all_paths:
        from scripts.ways import run as list_ways

        sys.exit(list_ways(scenarios, json=json, journeys=journeys))
    from scripts.simulate import run

    sys.exit(run(scenarios, json=json, explain=explain, journeys=journeys))


@app.command()
def draw(
    journey: Annotated[Path, typer.Argument(help="A journey file.", exists=True, dir_okay=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The picture, an SVG file; left out: <journey>.svg here.")
    ] = None,
) -> None:
    """Draw a journey as a picture.

    An SVG file that every browser shows, with the first words of each message.
    """
    from scripts.draw import run

    sys.exit(run(journey, output))


@app.command()
def schema(
    kind: Annotated[FileKind | None, typer.Argument(help="Of one kind of file; left out: all, in one object.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write one file a kind into this directory.")] = None,
) -> None:
    """Print JSON Schemas for editors.

    With them an editor completes and checks journeys, messages and scenarios while you type.
    """
    from scripts.schema import run

    sys.exit(run(kind, output))


@app.command()
def why(
    customer: Annotated[str, typer.Argument(help="Our id, or user_id:…, anonymous_id:…, email:…, phone:…")],
    message: Annotated[str | None, typer.Argument(help="A message's id or key; left out: all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say why a customer got what they got, and not what they did not.

    Each verdict with its reason, the rule that decided, and what was reported since.
    """
    from scripts.why import run

    sys.exit(asyncio.run(run(_settings(), customer, message, as_json=json)))


coupons = typer.Typer(help="Fill the pools of coupons, and see what is left in them.", no_args_is_help=True)
app.add_typer(coupons, name="coupons")


@coupons.command()
def load(
    pool: Annotated[str, typer.Argument(help="The pool, as `coupon:` names it.")],
    file: Annotated[Path, typer.Argument(help="CSV; the first column holds the codes.", exists=True, dir_okay=False)],
) -> None:
    """Load codes into a pool.

    All of them or, when anything is wrong, none. Codes that are there already, taken or not, stay as they are.
    """
    from scripts.coupons import load as run

    sys.exit(asyncio.run(run(_settings(), pool, file)))


@coupons.command()
def count() -> None:
    """Count what is left in each pool."""
    from scripts.coupons import count as run

    asyncio.run(run(_settings()))


def _settings(requires: Callable[["Settings"], None] = lambda _settings: None) -> "Settings":
    """The settings of this process, with logs and fail-points set up as they say; ends it if they are wrong."""
    from runtime import failpoint
    from runtime.logs import set_up_logs
    from runtime.settings import SettingsInvalid, load_settings

    try:
        settings = load_settings()
        requires(settings)
    except SettingsInvalid as error:
        for line in str(error).splitlines():
            typer.echo(f"sojourn: {line}", err=True)
        typer.echo("sojourn: settings come from the environment or .env; .env.example lists them", err=True)
        sys.exit(2)
    set_up_logs(settings)
    failpoint.arm(settings.failpoints)
    return settings


def _import_functions(settings: "Settings") -> None:
    """So that journeys may call what is registered in Python."""
    from worker.functions import import_functions

    import_functions(settings.functions)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
