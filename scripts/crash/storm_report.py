"""What a storm did and what came of it: in words, in figures, and the whole ledger of one that went wrong."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts.crash.ground import Ground
from scripts.crash.judge import Verdict
from scripts.crash.run import Run

ROWS = "SELECT to_jsonb(m) AS row FROM messages m ORDER BY key"
ENROLMENTS = "SELECT to_jsonb(e) AS row FROM enrolments e ORDER BY id"


def storm_figures(ground: Ground, run: Run, verdict: Verdict) -> dict[str, Any]:
    return {
        "kills": run.kills.total(),
        "kills_by_part": dict(run.kills),
        "kills_at_points": dict(ground.deaths.points),
        "provider_faults": dict(ground.provider.faulted),
        "webhooks": dict(ground.webhooks.count),
        "customers": len(run.people),
        "sent_in_storm": run.sent_in_storm,
        "storm_seconds": round(run.seconds, 1),
        **asdict(verdict),
    }


def show_storm(ground: Ground, run: Run, verdict: Verdict, say: Callable[[str], None]) -> None:
    ways = {"left": 0, "stopped": 0, "withdrew": 0}
    for told in run.told:
        for way in ways:
            ways[way] += getattr(told, way) is not None
    say(f"{run.kills.total()} kills: {_counted(run.kills)}; of these at fail-points: {_counted(ground.deaths.points)}.")
    say("A death of the API's process at a point of the relay's counts as one of the relay.")
    say(f"Faults of providers: {_counted(ground.provider.faulted)}. Webhooks: {_counted(ground.webhooks.count)}.")
    say(f"{len(run.people)} customers: {_counted(ways)}.")
    say(
        f"Messages: {verdict.due} to {verdict.due_at_most} due, {verdict.sent} sent ({run.sent_in_storm} before the "
        f"killing ended), {verdict.lost} lost, "
        f"{verdict.doubled} doubled, {verdict.after_exit} after an exit or opt-out ({verdict.crossed} under way then), "
        f"{verdict.unknown_sent} + {verdict.unknown_not_sent} unknown (really sent + not)."
    )


async def keep(ground: Ground, run: Run, verdict: Verdict, path: Path | None = None) -> Path:
    """Everything that a run that failed can be understood by, in a directory that stays; a new one if none is given."""
    path = path or Path(tempfile.mkdtemp(prefix="sojourn-chaos-failed-"))
    people = [
        {"person": asdict(person), "told": asdict(told)} for person, told in zip(run.people, run.told, strict=True)
    ]
    found = {
        "complaints": verdict.complaints,
        "people": people,
        "ledger": [asdict(message) for message in ground.provider.accepted],
        "heard": [asdict(heard) for heard in ground.webhooks.heard],
        "messages": [json.loads(row["row"]) for row in await ground.fetch(ROWS)],
        "enrolments": [json.loads(row["row"]) for row in await ground.fetch(ENROLMENTS)],
    }
    (path / "run.json").write_text(json.dumps(found, indent=1))
    await asyncio.to_thread(shutil.copytree, ground.stack.directory.logs, path / "logs")
    return path


def _counted(counts: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
