"""What is urgent goes to Temporal past all else that waits: an enrolment's deliveries are as urgent as its journey."""

from store import commands
from store.database import Database
from store.ingest import Ingest
from store.outbox import Outbox
from tests.store.ingesting import NOW, enrolments, publish_journey, track

CLASSES = {
    "codes": ({"code": "transactional", "offer": "promotional"}, 1),
    "notices": ({"notice": "service"}, 3),
    "offers": ({"offer": "promotional"}, 5),
    "silent": ({}, 3),
}


async def begin(db: Database, ingest: Ingest, *journeys: str) -> dict[str, int]:
    """The ids of the enrolments that one event starts, by journey."""
    for journey in journeys:
        classes, _ = CLASSES[journey]
        more = {"classes": classes} if classes else {}
        await publish_journey(db, journey=journey, start={"on": "Begun"}, exit={"on": "Over"}, **more)
    await ingest.accept([track("Begun")])
    return {row["journey"]: row["id"] for row in await enrolments(db)}


async def test_a_delivery_is_as_urgent_as_the_most_urgent_message_of_its_journey(db: Database, ingest: Ingest) -> None:
    ids = await begin(db, ingest, *CLASSES)
    await commands.command(db, lambda: NOW, ids["codes"], "pause")
    await ingest.accept([track("Over")])
    rows = await db.pool.fetch(
        "SELECT journey, array_agg(d.urgency) AS of_all FROM deliveries d JOIN enrolments e ON e.id = enrolment_id"
        " GROUP BY journey"
    )
    wanted = {journey: urgency for journey, (_, urgency) in CLASSES.items()}
    assert {row["journey"]: set(row["of_all"]) for row in rows} == {name: {it} for name, it in wanted.items()}
    assert {row["journey"]: len(row["of_all"]) for row in rows} == {**dict.fromkeys(CLASSES, 2), "codes": 3}


async def test_each_urgency_is_leased_and_marked_for_itself(db: Database, ingest: Ingest) -> None:
    ids = await begin(db, ingest, "offers", "codes")
    outbox = Outbox(db)
    assert await outbox.lease(10) == []
    [code] = await outbox.lease(10, urgency=1)
    assert code.enrolment_id == ids["codes"]
    await outbox.mark_relayed([code])
    [offer] = await outbox.lease(10, urgency=5)
    assert offer.enrolment_id == ids["offers"]
    await outbox.defer([offer])
    assert await outbox.lease(10, urgency=1) == []
    await outbox.mark_relayed(await outbox.lease(10, urgency=5))
    assert await outbox.waiting() == 0
