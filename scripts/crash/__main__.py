"""`scripts/chaos`: kill everything, and prove by the providers' ledger that nothing was lost or doubled."""

import asyncio
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from runtime.data_directory import DataDirectoryProblem
from runtime.part import PartFailed
from runtime.port import PortInUse
from runtime.settings import SettingsInvalid
from scripts.crash import flood, storm
from scripts.crash.fault import FAULTS, Fault
from scripts.crash.flood import Flood
from scripts.crash.ground import Ground, ground
from scripts.crash.judge import Verdict, judge
from scripts.crash.run import Run, play
from scripts.crash.storm_report import keep, show_storm, storm_figures
from scripts.crash.weather import HARD
from scripts.stopping import stop_on_sigterm

OVER = 8.0
"""Seconds within which the customers of a run begin."""

NAMES = (*(fault.name for fault in FAULTS), "flood")
console = Console(highlight=False, soft_wrap=True)


def main(
    seed: Annotated[int | None, typer.Option(help="Repeat the choices of an earlier run.")] = None,
    enrolments: Annotated[int, typer.Option(help="Customers in each run.", min=4)] = 200,
    events: Annotated[int, typer.Option(help="Events of the flood.", min=100)] = 20_000,
    kills: Annotated[
        int | None, typer.Option(help="The long form instead: so many kills, ten messages each.", min=10)
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Only this: {', '.join(NAMES)}.")] = None,
    data: Annotated[Path | None, typer.Option(help="Keep databases and logs in this new directory.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="End with all figures as one JSON object on one line.")] = False,
) -> None:
    """Kill every part of the embedded stack while customers are on their way; exit 1 if anything is lost or doubled."""
    unknown = set(only or ()) - set(NAMES)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    seed = int(time.time()) if seed is None else seed
    console.print(f"Seed {seed}. Starting PostgreSQL, Temporal, the API, the worker and the providers …")
    try:
        if kills is None:
            figures = asyncio.run(_run(seed, enrolments, events, set(only or NAMES), data))
        else:
            figures = asyncio.run(_storm(seed, kills, data))
    except (SettingsInvalid, DataDirectoryProblem, PortInUse, PartFailed) as problem:
        console.print(f"[red]A part does not come up:[/red] {escape(str(problem))}")
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Interrupted; everything is stopped.")
        sys.exit(130)
    if json_:
        print(json.dumps(figures))
    sys.exit(0 if figures["is_clean"] else 1)


async def _run(seed: int, enrolments: int, events: int, names: set[str], data: Path | None) -> dict[str, Any]:
    stop_on_sigterm()
    began = time.monotonic()
    async with ground(seed, _teller(began), data) as place:
        runs = [await _play(place, fault, enrolments) for fault in FAULTS if fault.name in names]
        flooded = await flood.play(place, events=events) if "flood" in names else None
        # All at once and last: what is doubled late is seen too.
        verdicts = [await judge(place, run) for run in runs]
        retries = place.backend.retries
    _show(runs, verdicts, flooded)
    complaints = [text for verdict in verdicts for text in verdict.complaints] + (flooded.complaints if flooded else [])
    for text in complaints:
        console.print(f"[red]{text}[/red]")
    seconds = round(time.monotonic() - began)
    console.print(
        f"Seed {seed}: {'[red]not clean' if complaints else '[green]nothing lost, nothing doubled'}[/] in {seconds} s."
    )
    return {
        "is_clean": not complaints,
        "seed": seed,
        "seconds": seconds,
        "http_retries": retries,
        "runs": [_figures(run, verdict) for run, verdict in zip(runs, verdicts, strict=True)],
        "flood": asdict(flooded) if flooded else None,
    }


async def _storm(seed: int, kills: int, data: Path | None) -> dict[str, Any]:
    stop_on_sigterm()
    began = time.monotonic()
    async with ground(seed, _teller(began), data, HARD) as place:
        run = await storm.play(place, kills)
        verdict = await judge(place, run)
        for part in storm.too_few(run.kills, kills):
            verdict.complain(f"{part} died only {run.kills[part]} times")
        show_storm(place, run, verdict, console.print)
        kept = None if verdict.is_clean else await keep(place, run, verdict)
    for text in verdict.complaints:
        console.print(f"[red]{escape(text)}[/red]")
    seconds = round(time.monotonic() - began)
    fate = "[green]nothing lost, nothing doubled" if verdict.is_clean else f"[red]not clean, kept in {kept}"
    console.print(f"Seed {seed}: {fate}[/] in {seconds} s.")
    return {"is_clean": verdict.is_clean, "seed": seed, "seconds": seconds, **storm_figures(place, run, verdict)}


async def _play(place: Ground, fault: Fault, enrolments: int) -> Run:
    place.say(f"--- {fault.name}: {enrolments} customers")
    run = await play(place, fault, size=enrolments, over=OVER)
    verdict = await judge(place, run)
    place.say(
        f"{fault.name}: {run.kills.total()} kills; {verdict.due} due, {verdict.sent} sent, {verdict.lost} lost, "
        f"{verdict.doubled} doubled, in {run.seconds:.0f} s"
    )
    return run


def _figures(run: Run, verdict: Verdict) -> dict[str, Any]:
    return {
        "fault": run.fault,
        "kills": dict(run.kills),
        "seconds": round(run.seconds, 1),
        **asdict(verdict),
    }


def _show(runs: Sequence[Run], verdicts: Sequence[Verdict], flooded: Flood | None) -> None:
    columns = ("kills", "due", "sent", "lost", "doubled", "late", "unknown", "s")
    table = Table(Column("fault", no_wrap=True), *(Column(name, justify="right") for name in columns))
    for run, verdict in zip(runs, verdicts, strict=True):
        table.add_row(
            run.fault,
            str(run.kills.total()),
            f"{verdict.due}–{verdict.due_at_most}",
            str(verdict.sent),
            str(verdict.lost),
            str(verdict.doubled),
            str(verdict.after_exit),
            f"{verdict.unknown_sent}+{verdict.unknown_not_sent}",
            f"{run.seconds:.0f}",
        )
    if runs:
        console.print(table)
        console.print("late: called after an exit was answered; unknown: to Sojourn, really sent + really not sent.")
    if flooded:
        console.print(
            f"Flood: {flooded.events} events to one enrolment, {flooded.kills} kills, {flooded.stored} stored, "
            f"{flooded.seen_seq - 1} heard, {flooded.runs} runs of the workflow, {flooded.per_s:.0f} events/s."
        )


def _teller(began: float) -> Callable[[str], None]:
    return lambda text: console.print(f"[dim]{time.monotonic() - began:6.1f} s[/dim]  {escape(text)}")


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)
    typer.run(main)
