"""What the contact policy holds back waits inside its run, where exits reach it, and goes out at the first moment."""

from datetime import datetime, timedelta
from typing import Any

from harness.patience import eventually
from language.library import Library, read_library
from tests.world import World

ANA = {"phone": "+5511987654321", "email": "ana@example.com"}
SAO_PAULO = "America/Sao_Paulo"
MESSAGE = "message: offer\nclass: promotional\ntopic: offers\nsms: Half the price\n"
NIGHT = 'quiet_hours: {from: "21:00", to: "09:00"}\n'
DAILY = "caps: [{name: daily, limit: 1, per: 1d}]\n"


def journey(policy: str, steps: str) -> Library:
    head = "journey: held\ntitle: Held\nstart: {on: Begun}\nexit: {on: Bought, outcome: bought}\nsteps:\n"
    library = read_library({"held.yaml": head + steps, "messages/offer.yaml": MESSAGE, "policy.yaml": policy})
    assert not library.errors, library.errors
    return library


OFFER = journey(NIGHT, "  - send: offer\n    valid_for: 2d\n")


async def at_hour(world: World, hour: int) -> datetime:
    """Let time pass until the clocks of São Paulo, three hours behind UTC, show this hour; that moment."""
    now = world.now()
    moment = (now - timedelta(hours=3)).replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(hours=3)
    moment += timedelta(days=1)
    await world.temporal.skip(moment - now)
    return moment


async def begin(world: World, library: Library) -> None:
    await world.publish(library)
    await world.identify(ANA, time_zone=SAO_PAULO)
    await world.track("Begun")
    await eventually(lambda: is_decided(world))


async def is_decided(world: World) -> bool:
    query = "SELECT EXISTS (SELECT FROM messages) AND NOT EXISTS (SELECT FROM messages WHERE status = 'claimed')"
    return bool(await world.db.pool.fetchval(query))


async def is_over(world: World) -> bool:
    return bool(await world.db.pool.fetchval("SELECT bool_and(state = 'ended') FROM enrolments"))


async def messages(world: World) -> list[dict[str, Any]]:
    rows = await world.db.pool.fetch("SELECT * FROM messages ORDER BY created_at, key")
    return [dict(row) for row in rows]


async def test_what_is_held_at_night_goes_out_in_the_morning(world: World) -> None:
    evening = await at_hour(world, 22)
    await begin(world, OFFER)
    [held] = await messages(world)
    assert held["status"] == "held"
    assert held["reason"].startswith("quiet hours, 21:00 to 09:00 in America/Sao_Paulo, by the profile; next possible")
    assert held["reason"].endswith("day 09:00")
    await world.skip(hours=12)
    await eventually(lambda: is_over(world))
    [sent] = await messages(world)
    assert (sent["status"], sent["reason"]) == ("sent", None)
    assert timedelta(0) <= sent["sent_at"] - (evening + timedelta(hours=11)) < timedelta(minutes=1)


async def test_an_exit_while_the_night_holds_a_message_is_the_end_of_it(world: World) -> None:
    await at_hour(world, 22)
    await begin(world, OFFER)
    await world.skip(hours=5)
    await world.track("Bought")
    await eventually(lambda: is_over(world))
    await world.skip(hours=12)
    [row] = await messages(world)
    assert (row["status"], row["reason"], row["attempt"]) == ("suppressed", "the enrolment had ended: bought", 0)
    assert world.provider.calls == 0
    assert [row["outcome"] for row in await world.enrolments()] == ["bought"]


async def test_a_cap_defers_to_the_moment_at_which_it_is_free(world: World) -> None:
    await at_hour(world, 12)
    twice = "  - {id: first, send: offer}\n  - wait: 6h\n  - {id: second, send: offer, on_cap: defer}\n"
    await begin(world, journey(DAILY, twice))
    await world.skip(hours=7)
    first, held = await messages(world)
    assert (first["status"], held["status"]) == ("sent", "held")
    assert held["reason"].startswith("1 message in 1 day, limit 1; next possible")
    await world.skip(hours=18)
    await eventually(lambda: is_over(world))
    first, second = await messages(world)
    assert second["status"] == "sent"
    assert timedelta(0) <= second["claimed_at"] - first["claimed_at"] - timedelta(days=1) < timedelta(seconds=5)
