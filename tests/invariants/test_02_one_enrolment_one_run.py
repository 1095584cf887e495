"""One enrolment is carried out by one workflow, once, whatever starts it again or takes it away."""

import asyncio

from store.progress import write_progress
from tests.relaying import Scene
from tests.rows import deliver, enrolment_row, progress


async def run_of(scene: Scene, enrolment_id: int) -> str:
    return (await scene.handle(enrolment_id).describe()).run_id


async def test_many_relays_and_stale_leases_start_it_once(scene: Scene) -> None:
    ids = [await scene.enrol() for _ in range(10)]
    async with scene.relay(), scene.relay(), scene.relay():
        await scene.all_relayed()
        runs = [await run_of(scene, enrolment_id) for enrolment_id in ids]
        # As if every relay had died between the start and its mark.
        await scene.db.pool.execute("UPDATE deliveries SET relayed_at = NULL")
        await scene.all_relayed()
    assert [await run_of(scene, enrolment_id) for enrolment_id in ids] == runs
    assert all([await scene.batches(enrolment_id) == [[1]] for enrolment_id in ids])


async def test_a_start_repeated_after_the_end_starts_nothing(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
        run_id = await run_of(scene, enrolment_id)
        await deliver(scene.db, enrolment_id, kind="end")
        await scene.handle(enrolment_id).result()
        await write_progress(scene.db.pool, progress(enrolment_id, 2, run_id, ended_as="moved_on"))
        await scene.db.pool.execute(
            """INSERT INTO deliveries (enrolment_id, seq, kind, payload)
               VALUES ($1, 1, 'start', '{"seq": 1, "kind": "start", "at": "2026-03-01T12:00:00Z"}')""",
            enrolment_id,
        )
        await scene.all_relayed()
    assert await run_of(scene, enrolment_id) == run_id


async def test_a_second_run_finds_the_enrolment_taken(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    runs = ["first", "second", "third"]
    standings = await asyncio.gather(
        *(write_progress(scene.db.pool, progress(enrolment_id, 1, run, step="wait")) for run in runs)
    )
    [owner] = [run for run, standing in zip(runs, standings, strict=True) if not standing.taken]
    for run in runs:
        again = await write_progress(scene.db.pool, progress(enrolment_id, 1, run))
        assert again.taken == (run != owner)


async def test_a_zombie_writes_nothing_after_the_enrolment_was_given_to_another_run(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
    await write_progress(scene.db.pool, progress(enrolment_id, 1, "zombie", step="wait"))
    await scene.handle(enrolment_id).terminate()
    await scene.reconciler(page=0).look()
    await scene.reconciler().look()
    run_id = await run_of(scene, enrolment_id)
    assert not (await write_progress(scene.db.pool, progress(enrolment_id, 1, run_id))).taken
    assert (await write_progress(scene.db.pool, progress(enrolment_id, 1, "zombie", ended_as="completed"))).taken
    assert (await enrolment_row(scene.db, enrolment_id))["state"] == "active"


async def test_two_reconcilers_restart_it_once(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
    await scene.handle(enrolment_id).terminate()
    await scene.reconciler(page=0).look()
    await asyncio.gather(*(scene.reconciler().look() for _ in range(4)))
    restarts = await scene.db.pool.fetchval("SELECT count(*) FROM verdicts WHERE verdict = 'restarted'")
    assert restarts == 1
    assert await scene.batches(enrolment_id) == [[1]]
