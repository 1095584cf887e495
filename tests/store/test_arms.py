"""Arms are drawn once and kept, whoever asks, however often and from wherever."""

import asyncio
import sys
from collections import Counter
from datetime import timedelta
from math import sqrt
from typing import Any

from language.lot import HELD_OUT
from language.port import Answer, DrawArm
from store.arms import Arms
from store.database import Database
from store.ingest import Ingest
from tests.deeds import add_enrolments, deed
from tests.rows import AT, JOURNEY, add_customer, add_enrolment, deliver, enrolment_row
from tests.store.ingesting import alias, customer_of, identify

TONES = {"friendly": 50.0, "formal": 50.0}
MINUTE = timedelta(minutes=1)


def draw_arm(customer_id: int, enrolment_id: int, seen_seq: int = 1, **more: Any) -> DrawArm:
    split = {"experiment": "tone", "shares": TONES}
    return DrawArm(**deed(customer_id, enrolment_id, "split_tone", seen_seq, **(split | more)))


def arm_of(answer: Answer) -> str:
    assert answer.verdict == "done"
    return str(answer.result["arm"])


async def settled(db: Database, arm: str, enrolled: int, converted: int, **columns: Any) -> None:
    """Enrolments that had their arm drawn at the start, some of which reached the goal."""
    told = {"control": None, "ended_at": None, "goal_at": AT + MINUTE} | columns
    await db.pool.execute(
        """WITH new AS (INSERT INTO customers (first_seen_at) SELECT $1 FROM generate_series(1, $2) RETURNING id),
                drawn AS (INSERT INTO arms SELECT id, 'tone', $3, $1 FROM new)
           INSERT INTO enrolments (customer_id, journey, version, key, state, started_at, goal_at, ended_at, arm)
           SELECT id, $4, 1, '', 'ended', $1, CASE WHEN row_number() OVER () <= $5 THEN $6::timestamptz END,
               $7::timestamptz, $8::text FROM new""",
        AT,
        enrolled,
        arm,
        JOURNEY,
        converted,
        told["goal_at"],
        told["ended_at"],
        told["control"],
    )


async def newcomer(db: Database, **more: Any) -> str:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    return arm_of(await Arms(db).draw_arm(draw_arm(customer, enrolment, winner_by="goal", **more)))


async def test_an_arm_outlives_the_shares_it_was_drawn_by(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    first = arm_of(await Arms(db).draw_arm(draw_arm(customer, enrolment)))
    tiny = {arm: 0.001 if arm == first else 99.999 for arm in TONES}
    assert arm_of(await Arms(db).draw_arm(draw_arm(customer, enrolment, shares=tiny))) == first


async def test_an_arm_that_is_gone_is_drawn_anew_and_kept(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    first = arm_of(await Arms(db).draw_arm(draw_arm(customer, enrolment)))
    others = {"brisk": 50.0, "slow": 50.0}
    second = arm_of(await Arms(db).draw_arm(draw_arm(customer, enrolment, shares=others)))
    assert second in others
    assert arm_of(await Arms(db).draw_arm(draw_arm(customer, enrolment, shares={**TONES, **others}))) == second != first


async def test_shares_are_kept_within_chance(db: Database) -> None:
    arms, drawn = Arms(db), Counter[str]()
    for customer, enrolment in await add_enrolments(db, 200):
        drawn[arm_of(await arms.draw_arm(draw_arm(customer, enrolment, shares={"a": 30.0, "b": 70.0})))] += 1
    assert abs(drawn["a"] - 60) <= 3 * sqrt(200 * 0.3 * 0.7)


DRAWER = """
import asyncio, sys
from store.arms import Arms
from store.database import Database
from language.port import DrawArm

async def main():
    db = await Database.open(sys.argv[1])
    deeds = [DrawArm.model_validate_json(line) for line in sys.stdin]
    for answer in await asyncio.gather(*(Arms(db).draw_arm(one) for one in deeds)):
        print(answer.result["arm"])
    await db.close()

asyncio.run(main())
"""


async def drawer(db: Database, deeds: list[DrawArm]) -> list[str]:
    """Another process that draws."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", DRAWER, db.url, stdin=pipe, stdout=pipe)
    out, _ = await process.communicate("\n".join(one.model_dump_json() for one in deeds).encode())
    assert process.returncode == 0
    return out.decode().split()


async def test_two_processes_that_draw_at_once_draw_the_same(db: Database) -> None:
    enrolled = await add_enrolments(db, 20)
    # Each asks with other shares: only what is stored can make them agree.
    one = [draw_arm(*ids, shares={"friendly": 99.0, "formal": 1.0}) for ids in enrolled]
    other = [draw_arm(*ids, shares={"friendly": 1.0, "formal": 99.0}) for ids in enrolled]
    drawn = await asyncio.gather(drawer(db, one), drawer(db, other))
    assert len(drawn[0]) == 20
    assert drawn[0] == drawn[1]
    assert await db.pool.fetchval("SELECT count(*) FROM arms") == 20


async def test_nothing_is_drawn_after_an_exit_or_before_news_is_heard(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    await deliver(db, enrolment)
    behind = await Arms(db).draw_arm(draw_arm(customer, enrolment))
    assert (behind.verdict, [one.seq for one in behind.unseen]) == ("behind", [2])
    await db.pool.execute("UPDATE enrolments SET state = 'ending', outcome = 'moved_on'")
    assert (await Arms(db).draw_arm(draw_arm(customer, enrolment, 2))).verdict == "closed"
    assert await db.pool.fetchval("SELECT count(*) FROM arms") == 0


async def test_a_merged_customer_has_the_arm_of_who_stays(db: Database) -> None:
    gone, stays = await add_customer(db), await add_customer(db)
    enrolment = await add_enrolment(db, stays)
    await db.pool.execute("UPDATE customers SET merged_into = $2 WHERE id = $1", gone, stays)
    drawn = arm_of(await Arms(db).draw_arm(draw_arm(gone, enrolment)))
    [row] = await db.pool.fetch("SELECT customer_id, arm FROM arms")
    assert (row["customer_id"], row["arm"]) == (stays, drawn)


async def test_merging_keeps_the_arm_of_the_older(db: Database, ingest: Ingest) -> None:
    await ingest.accept([identify("old")])
    await ingest.accept([identify("new")])
    old, new = [(await customer_of(db, "user_id", name))["id"] for name in ("old", "new")]
    rows = [(old, "tone", "formal"), (new, "tone", "friendly"), (new, "price", "high")]
    for row in rows:
        await db.pool.execute(
            "INSERT INTO arms (customer_id, experiment, arm, drawn_at) VALUES ($1, $2, $3, $4)", *row, AT
        )
    await ingest.accept([alias("old", "new")])
    stays = (await customer_of(db, "user_id", "old"))["id"]
    left = await db.pool.fetch("SELECT customer_id, experiment, arm FROM arms ORDER BY experiment")
    assert stays == old
    assert [tuple(row) for row in left] == [(stays, "price", "high"), (stays, "tone", "formal")]


async def test_a_control_group_is_written_to_the_enrolment(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    shares = {HELD_OUT: 100.0, "messaged": 0.0}
    await Arms(db).draw_arm(draw_arm(customer, enrolment, experiment="control/reservation", shares=shares))
    assert (await enrolment_row(db, enrolment))["arm"] == HELD_OUT
    await Arms(db).draw_arm(draw_arm(customer, enrolment))
    assert (await enrolment_row(db, enrolment))["arm"] == HELD_OUT


async def test_newcomers_get_the_winner(db: Database) -> None:
    await settled(db, "friendly", 300, 30)
    await settled(db, "formal", 300, 90)
    assert await newcomer(db) in TONES  # meets the experiment
    late = {"at": AT + MINUTE}
    assert [await newcomer(db, **late) for _ in range(8)] == ["formal"] * 8
    [row] = await db.pool.fetch("SELECT * FROM experiments")
    assert (row["winner"], row["found_at"], row["checked_at"]) == ("formal", AT + MINUTE, AT + MINUTE)


async def test_who_has_an_arm_keeps_it_though_another_won(db: Database) -> None:
    [(customer, enrolment)] = await add_enrolments(db, 1)
    await db.pool.execute("INSERT INTO arms VALUES ($1, 'tone', 'friendly', $2)", customer, AT)
    await db.pool.execute("INSERT INTO experiments VALUES ($1, 'tone', 'formal', $2::timestamptz, $2)", JOURNEY, AT)
    assert arm_of(await Arms(db).draw_arm(draw_arm(customer, enrolment, winner_by="goal"))) == "friendly"


async def test_a_winner_that_is_no_arm_any_more_wins_nothing(db: Database) -> None:
    await db.pool.execute("INSERT INTO experiments VALUES ($1, 'tone', 'rude', $2::timestamptz, $2)", JOURNEY, AT)
    assert await newcomer(db, at=AT + MINUTE) in TONES
    assert await db.pool.fetchval("SELECT winner FROM experiments") is None


async def test_counts_are_looked_at_once_a_minute(db: Database) -> None:
    await newcomer(db)
    await newcomer(db, at=AT + MINUTE)
    await settled(db, "friendly", 300, 0)
    await settled(db, "formal", 300, 290)
    for _ in range(5):
        await newcomer(db, at=AT + 1.9 * MINUTE)
    assert await db.pool.fetchval("SELECT winner FROM experiments") is None
    assert await newcomer(db, at=AT + 2 * MINUTE) == "formal"


async def test_only_what_the_arm_may_have_done_counts(db: Database) -> None:
    await settled(db, "friendly", 250, 20)
    await settled(db, "formal", 250, 20)
    await settled(db, "formal", 250, 250, control=HELD_OUT)
    await settled(db, "formal", 250, 250, ended_at=AT - MINUTE)
    await settled(db, "formal", 250, 250, goal_at=AT - MINUTE)
    await newcomer(db)
    await newcomer(db, at=AT + MINUTE)
    assert await db.pool.fetchval("SELECT winner FROM experiments") is None
    await settled(db, "formal", 250, 250)
    await newcomer(db, at=AT + 2 * MINUTE)
    assert await db.pool.fetchval("SELECT winner FROM experiments") == "formal"
