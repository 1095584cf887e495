"""`scripts/bench`: what Sojourn does in a second on this machine, beside bare Temporal in the same run."""

import asyncio
import json
import os
import platform
import sys
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import aiohttp
import typer
from temporalio.service import RPCError

from runtime.part import PartFailed
from scripts.benchmark import blast, first_touch, ingest, latency, rest, throughput
from scripts.benchmark.ground import Ground, Stuck, ground
from scripts.stopping import stop_on_sigterm

PARTS = ("rest", "ingest", "throughput", "latency", "first_touch", "blast")
FAILURES = (Stuck, RuntimeError, TimeoutError, aiohttp.ClientError, RPCError)


def main(
    json_: Annotated[bool, typer.Option("--json", help="End with all figures as one JSON object on one line.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Measure only this: {', '.join(PARTS)}.")] = None,
    size: Annotated[int, typer.Option(help="Journeys in a run of the throughput measurement.")] = 400,
    runs: Annotated[int, typer.Option(help="Pairs of runs; the median counts.")] = 5,
    seconds: Annotated[float, typer.Option(help="How long each pace of a latency measurement is kept up.")] = 15.0,
    messages: Annotated[int, typer.Option(help="Promotional messages of the blast.")] = 10_000,
) -> None:
    """Measure on the embedded stack, with a local HTTP sink in the providers' place."""
    unknown = set(only or ()) - set(PARTS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    try:
        figures = asyncio.run(_measure(set(only or PARTS), size, runs, seconds, messages))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Interrupted; everything is stopped.", file=sys.stderr)
        raise typer.Exit(130) from None
    print()
    for name, value in figures.items():
        print(f"{name:<40} {value}")
    if json_:
        print(json.dumps(figures))


async def _measure(parts: set[str], size: int, runs: int, seconds: float, messages: int) -> dict[str, Any]:
    figures: dict[str, Any] = {"cpus": os.cpu_count(), "python": platform.python_version()}
    stop_on_sigterm()
    if others := parts - {"blast"}:
        figures |= await _on_ground(lambda place: _figures(place, others, size, runs, seconds))
    if "blast" in parts:  # on ground of its own: what it leaves behind would be in the way of others
        limit = {"SOJOURN_SMS_PER_SECOND": str(blast.PER_SECOND)}
        say = _say("blast")
        figures |= await _on_ground(
            lambda place: blast.measure(place, size=messages, seconds=8 * seconds, say=say), limit
        )
    return figures


async def _on_ground(
    measure: Callable[[Ground], Awaitable[dict[str, Any]]], environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    _say("ground")("starting PostgreSQL, Temporal, the API, the worker and the sink")
    try:
        async with ground(environment) as place:
            try:
                return await measure(place)
            except FAILURES as failure:
                print(f"{place.last_words()}\n\n{type(failure).__name__}: {failure}", file=sys.stderr)
                raise typer.Exit(1) from None
    except PartFailed as failure:
        print(failure, file=sys.stderr)
        raise typer.Exit(1) from None


async def _figures(place: Ground, parts: set[str], size: int, runs: int, seconds: float) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    if "rest" in parts:
        figures |= await rest.measure(place, size=1_000, say=_say("at rest"))
    if "ingest" in parts:
        figures |= await ingest.measure(place, batched=30_000, single=4_000, say=_say("ingest"))
    if "throughput" in parts:
        figures |= await throughput.measure(place, size=size, runs=runs, say=_say("throughput"))
    if "latency" in parts:
        figures |= await latency.measure(place, seconds=seconds, say=_say("latency"))
    if "first_touch" in parts:
        figures |= await first_touch.measure(place, seconds=2 * seconds, say=_say("first_touch"))
    return figures


def _say(part: str) -> Callable[[str], None]:
    return lambda text: print(f"{part:<11} {text}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)
    typer.run(main)
