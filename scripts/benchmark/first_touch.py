"""How soon after a registration the call, the SMS and the e-mail have reached their providers."""

from collections.abc import Callable
from typing import Any

from scripts.benchmark.ground import Ground
from scripts.benchmark.latency import paced, percentiles

PACE = 10.0
"""Registrations a second."""


async def measure(ground: Ground, *, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds from the HTTP answer to the last of the three receipts, and to each of them."""
    await _registrations(ground, 2.0)  # what is loaded once
    others = ground.watch_others()
    waits = await _registrations(ground, seconds)
    last = [max(triple) for triple in zip(*waits.values(), strict=True)]
    figures = percentiles(last) | {"cpus_of_others": others()}
    say(f"{PACE:.0f} registrations/s, to the last of three receipts: {figures}")
    by_channel = {channel: percentiles(times) for channel, times in waits.items()}
    return {"first_touch": figures, "first_touch_by_channel": by_channel}


async def _registrations(ground: Ground, seconds: float) -> dict[str, list[float]]:
    """By channel how long each took."""
    name = ground.name()
    users = [f"{name}-{number}" for number in range(int(PACE * seconds))]
    phones = await ground.make_customers(users)
    answered_at = await paced(ground, "Bench Registered", users, name, PACE)
    receipts = {
        "voice": {user: f"voice {phones[user]}" for user in users},
        "sms": {user: user for user in users},
        "email": {user: f"email {user}@example.com" for user in users},
    }
    arrived_at = await ground.when_arrived(receipt for by_user in receipts.values() for receipt in by_user.values())
    return {
        channel: [arrived_at[by_user[user]] - answered_at[user] for user in users]
        for channel, by_user in receipts.items()
    }
