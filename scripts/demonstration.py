"""`scripts/demo`: everything on this machine, a cast of customers, and five weeks in half a minute."""

import asyncio
import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from language.clock import Pace
from language.scenario import Scenario
from runtime.data_directory import DataDirectoryProblem
from runtime.part import PartFailed
from runtime.port import PortInUse
from runtime.settings import PREFIX, SettingsInvalid
from runtime.stack import EmbeddedStack
from scripts.directory import read_directories
from scripts.player import Played, Player, Reader, events_of, name_of
from scripts.stopping import stop_on_sigterm

JOURNEYS = Path(__file__).parents[1] / "journeys"
OPENING = "reservation_without_date"
"""Plays alone before the others, so that no connection is made and no code loaded while days count."""

CAST = (
    "activation_takes_37_days",
    "activation_never",
    "reservation_moves",
    "reservation_of_one_evening",
    "win_back_comes_back",
)
"""Scenarios whose events lie far enough apart to be told apart at a day a second."""

DAY = timedelta(days=1)
SPEED = 86_400.0
ICONS = {"email": "e-mail", "sms": "SMS"}
console = Console(highlight=False, soft_wrap=True)


def main(
    keep: Annotated[bool, typer.Option(help="Leave it running afterwards, until interrupted.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="End with one line of figures.")] = False,
    port: Annotated[int, typer.Option(help="Port of the API; 0 picks a free one.")] = 8000,
    temporal_port: Annotated[int, typer.Option(help="Port of Temporal; 0 picks a free one.")] = 7233,
    ui_port: Annotated[int, typer.Option(help="Port of Temporal's pages; 0 picks a free one.")] = 8233,
) -> None:
    """Start Sojourn, play customers through the shipped journeys in demo time, and show what happens."""
    logging.getLogger("segment").setLevel(logging.ERROR)
    try:
        sys.exit(asyncio.run(_run(keep, json_, port, temporal_port, ui_port)))
    except (SettingsInvalid, DataDirectoryProblem, PortInUse, PartFailed) as problem:
        console.print(f"[red]The demo cannot start:[/red] {problem}")
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Interrupted; everything is stopped.")
        sys.exit(130)


async def _run(keep: bool, as_json: bool, port: int, temporal_port: int, ui_port: int) -> int:
    stop_on_sigterm()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="sojourn-demo-", ignore_cleanup_errors=True) as directory:
        leave_settings_behind(Path(directory))
        console.print("Starting PostgreSQL, Temporal, the API and the worker …")
        stack = EmbeddedStack(
            Path(directory) / "data",
            port=port,
            temporal_port=temporal_port,
            ui_port=ui_port,
            speed=SPEED,
            journeys=JOURNEYS,
        )
        async with stack:
            started = time.perf_counter() - began
            _show_addresses(stack)
            played, figures = await _perform(stack)
            figures = {"start_s": round(started, 1), "total_s": round(time.perf_counter() - began, 1), **figures}
            _summarise(played, figures, stack if keep else None)
            if keep:
                await asyncio.Event().wait()
    if as_json:
        print(json.dumps(figures))
    return 0 if figures["as_expected"] == figures["customers"] else 1


def leave_settings_behind(directory: Path) -> None:
    """No settings count from here on: by an account of a provider in them, strangers would get the cast's messages."""
    os.chdir(directory)  # away from `.env`, for the stack's parts too
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


def _show_addresses(stack: EmbeddedStack) -> None:
    for name, url in {
        "Temporal UI": stack.temporal_ui_url,
        "Sandbox": f"{stack.api_url}/sandbox",
        "API docs": f"{stack.api_url}/docs",
    }.items():
        console.print(f"  {name:<12} {url}")
    console.print()


async def _perform(stack: EmbeddedStack) -> tuple[list[Played], dict[str, Any]]:
    library = read_directories([JOURNEYS])
    scenario_by_name = {Path(file).stem: one for file, one in library.scenarios.items()}
    opening, scenarios = scenario_by_name[OPENING], [scenario_by_name[name] for name in CAST]
    reader = Reader(stack.api_url, stack.api_key)
    events = events_of(stack.api_url, stack.write_key)
    try:
        pace = await reader.pace()
        opened = await Player(reader, events, pace).play(opening, "demo-0")
        stage = Stage(pace, scenarios)
        async with stage.watching(reader):
            player = Player(reader, events, pace, stage.tell_event)
            others = await asyncio.gather(
                *(player.play(one, f"demo-{number}") for number, one in enumerate(scenarios, 1))
            )
        played = [opened, *others]
        return played, await _figures(reader, played)
    finally:
        await asyncio.to_thread(events.join)
        await reader.close()


async def _figures(reader: Reader, played: list[Played]) -> dict[str, Any]:
    messages, enrolments = await reader.all("/v1/messages"), await reader.all("/v1/enrolments")
    return {
        "customers": len(played),
        "as_expected": sum(not one.faults for one in played),
        "enrolments": len(enrolments),
        "messages_sent": sum(one["sent_at"] is not None for one in messages),
        "messages_not_sent": sum(one["sent_at"] is None for one in messages),
        "days_played": max(round(max(e.at for e in one.scenario.given) / DAY) for one in played),
        "speed": SPEED,
    }


class Stage:
    """The timeline as it grows: a line for each thing that happens, and the day below."""

    def __init__(self, pace: Pace, scenarios: list[Scenario]) -> None:
        self._pace = pace
        self._begins = pace.journey_time(datetime.now(UTC))
        self._name_by_customer: dict[int, str] = {}
        self._known: set[str] = set()
        self._days = max(max(event.at for event in one.given) for one in scenarios) / DAY + 2
        self._progress = Progress(
            TextColumn("day {task.completed:4.1f}"), BarColumn(40), TimeElapsedColumn(), console=console, transient=True
        )

    @asynccontextmanager
    async def watching(self, reader: Reader) -> AsyncIterator[None]:
        with self._progress:
            bar = self._progress.add_task("", total=self._days)
            watch = asyncio.create_task(self._watch(reader, bar))
            try:
                yield
            finally:
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch

    def tell_event(self, at: datetime, name: str, text: str) -> None:
        self._line(at, name, Text(f"· {text}", "cyan"))

    async def _watch(self, reader: Reader, bar: Any) -> None:
        while True:
            now = self._pace.journey_time(datetime.now(UTC))
            self._progress.update(bar, completed=min((now - self._begins) / DAY, self._days))
            with contextlib.suppress(OSError, KeyError):
                await self._tell_news(reader)
            await asyncio.sleep(0.3)

    async def _tell_news(self, reader: Reader) -> None:
        for message in reversed(await reader.all("/v1/messages")):
            told = f"{message['key']} {'held' if message['status'] == 'held' else 'decided'}"
            if message["status"] not in ("claimed", "released") and told not in self._known:
                self._known.add(told)
                self._tell_message(await self._name(reader, message["customer"]), message)
        for enrolment in reversed(await reader.all("/v1/enrolments", state="ended")):
            if (key := f"ended {enrolment['id']}") not in self._known:
                self._known.add(key)
                name = await self._name(reader, enrolment["customer"])
                text = Text(f"■ {enrolment['journey']} ends: {enrolment['outcome']}", "bold")
                self._line(datetime.fromisoformat(enrolment["ended_at"]), name, text)

    def _tell_message(self, name: str, message: dict[str, Any]) -> None:
        channel = ICONS.get(message["channel"], message["channel"])
        if message["sent_at"]:
            subject = f" “{message['subject']}”" if message["subject"] else ""
            text = Text(f"→ {channel} {message['message']}{subject}", "green")
        else:
            mark = "…" if message["status"] == "held" else "✕"
            text = Text(f"{mark} {channel} {message['message']}: {message['reason']}", "yellow")
        self._line(datetime.fromisoformat(message["sent_at"] or message["created_at"]), name, text)

    async def _name(self, reader: Reader, customer: int) -> str:
        if customer not in self._name_by_customer:
            self._name_by_customer[customer] = name_of((await reader.one(f"/v1/customers/{customer}"))["traits"])
        return self._name_by_customer[customer]

    def _line(self, at: datetime, name: str, text: Text) -> None:
        day = (at - self._begins) / DAY
        if day < 0:  # the opening
            return
        self._progress.console.print(Text(f"  day {day:5.1f}  ", "dim") + Text(f"{name:<9}") + text)


def _summarise(played: list[Played], figures: dict[str, Any], kept: EmbeddedStack | None) -> None:
    console.print()
    for one in played:
        mark = "[green]as expected[/green]" if not one.faults else f"[red]differs: {'; '.join(one.faults)}[/red]"
        name = name_of(one.scenario.customer.traits)
        console.print(f"  {name:<9} {one.scenario.journey:<19} {len(one.sent)} sent   {mark}")
    console.print(
        f"\n{figures['customers']} customers, {figures['days_played']} days: {figures['messages_sent']} messages sent, "
        f"{figures['messages_not_sent']} not sent and why is known. "
        f"{figures['as_expected']} customers went the way their scenarios say."
    )
    if kept is not None:
        console.print(f"\n  Write key    {kept.write_key}\n  API key      {kept.api_key}")
        console.print("\nStill running until you interrupt it (Ctrl-C).")


if __name__ == "__main__":
    typer.run(main)
