from datetime import timedelta
from typing import Any

from temporalio.worker import Worker

from activities.records import RecordActivities
from harness.patience import eventually
from language.library import compile_journey
from language.loader import load_journey
from language.port import StepTrace
from store.progress import write_progress
from store.records import Records
from tests.relaying import Scene
from tests.rows import AT, deliver, enrolment_row, progress, relayed
from worker.sandbox import sandboxed
from workflows.client import JourneyClient
from workflows.journey import JourneyWorkflow

WAITING = StepTrace(step="wait", visit=2, verb="wait", entered_at=AT, waits_until=AT + timedelta(days=1))
ASKED = StepTrace(step="ask", visit=1, verb="wait_for", entered_at=AT, left_at=AT, result={"outcome": "paid"})


async def abandoned(scene: Scene, **more: Any) -> int:
    """An enrolment whose workflow was begun and is gone."""
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
    run_id = (await scene.handle(enrolment_id).describe()).run_id
    await write_progress(scene.db.pool, progress(enrolment_id, 1, run_id, **more))
    await scene.handle(enrolment_id).terminate()
    return enrolment_id


async def noticed(scene: Scene) -> None:
    """Enrolments are first looked at a whole period after they were noticed."""
    await scene.reconciler(page=0).look()


async def status(scene: Scene, enrolment_id: int) -> str:
    run = await scene.journeys().describe(scene.journey, enrolment_id)
    return run.status if run else "none"


async def verdicts(scene: Scene) -> list[str]:
    return [row["verdict"] for row in await scene.db.pool.fetch("SELECT verdict FROM verdicts ORDER BY id")]


async def test_an_enrolment_whose_workflow_is_gone_goes_on_where_its_trace_ends(scene: Scene) -> None:
    enrolment_id = await abandoned(scene, step="wait", traces=(ASKED, WAITING))
    await deliver(scene.db, enrolment_id)
    await noticed(scene)
    await scene.reconciler().look()
    start = await scene.handle(enrolment_id).query("started_with")
    resume = start["resume"]
    assert (resume["step"], resume["visits"], resume["has_left"]) == ("wait", {"ask": 1, "wait": 2}, False)
    assert resume["results"] == {"ask": {"outcome": "paid"}}
    assert resume["waits_until"].startswith("2026-03-02T12:00")
    assert (resume["seen_seq"], await scene.batches(enrolment_id)) == (1, [[2]])
    assert (await enrolment_row(scene.db, enrolment_id))["run_id"] is None
    assert await verdicts(scene) == ["restarted"]


async def test_one_that_never_reached_a_step_starts_from_the_beginning(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    await relayed(scene.db, enrolment_id)
    await noticed(scene)
    await scene.reconciler().look()
    assert (await scene.handle(enrolment_id).query("started_with"))["resume"] is None
    assert await scene.batches(enrolment_id) == [[1]]


async def test_a_start_that_temporal_lost_is_sent_once_more(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    await relayed(scene.db, enrolment_id)
    await scene.reconciler(nudges=[timedelta(0)]).look()
    async with scene.relay():
        await scene.all_relayed()
    assert await scene.batches(enrolment_id) == [[1]]


async def test_what_runs_and_what_is_about_to_start_is_left_alone(scene: Scene) -> None:
    running = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
    about_to_start = await scene.enrol()
    await noticed(scene)
    await scene.reconciler().look()
    assert await scene.batches(running) == [[1]]
    assert await status(scene, about_to_start) == "none"
    assert await verdicts(scene) == []


async def test_one_found_well_is_left_alone_for_a_period(scene: Scene) -> None:
    enrolment_id = await abandoned(scene)
    await noticed(scene)
    await scene.reconciler(period=timedelta(minutes=10)).look()
    assert await status(scene, enrolment_id) == "terminated"


async def test_one_whose_end_is_decided_is_closed(scene: Scene) -> None:
    enrolment_id = await abandoned(scene)
    await deliver(scene.db, enrolment_id, kind="end")
    await relayed(scene.db, enrolment_id)
    await scene.db.pool.execute("UPDATE enrolments SET state = 'ending', outcome = 'moved_on'")
    await noticed(scene)
    await scene.reconciler().look()
    row = await enrolment_row(scene.db, enrolment_id)
    assert (row["state"], row["outcome"]) == ("ended", "moved_on")
    assert await scene.waiting() == 0
    assert await status(scene, enrolment_id) == "terminated"


async def test_after_three_restarts_in_vain_a_person_must_look(scene: Scene) -> None:
    enrolment_id = await abandoned(scene, step="wait")
    await noticed(scene)
    for _ in range(5):
        await scene.reconciler().look()
        await scene.handle(enrolment_id).terminate() if await is_running(scene, enrolment_id) else None
    assert await verdicts(scene) == ["restarted"] * 3 + ["broken"]
    row = await enrolment_row(scene.db, enrolment_id)
    assert (row["state"], row["reason"]) == ("active", "broken")


async def is_running(scene: Scene, enrolment_id: int) -> bool:
    return await scene.journeys().is_running(scene.journey, enrolment_id)


async def test_one_that_cannot_be_started_is_broken_at_once(scene: Scene) -> None:
    enrolment_id = await abandoned(scene)
    await scene.db.pool.execute("UPDATE enrolments SET version = 99")
    await noticed(scene)
    await scene.reconciler().look()
    assert (await enrolment_row(scene.db, enrolment_id))["reason"] == "broken"
    assert await verdicts(scene) == ["broken"]


async def test_a_broken_one_takes_up_nobodys_time(scene: Scene) -> None:
    enrolment_id = await abandoned(scene)
    await scene.db.pool.execute("UPDATE enrolments SET reason = 'broken'")
    async with scene.relay():
        await deliver(scene.db, enrolment_id)
        scene.bell.wake()
        rarely = "SELECT relay_until > now() + interval '50 min' FROM deliveries WHERE seq = 2"
        await eventually(lambda: scene.db.pool.fetchval(rarely))


async def test_a_run_that_has_not_acknowledged_is_sent_the_newest_once_more(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    async with scene.relay():
        await scene.all_relayed()
        await deliver(scene.db, enrolment_id)
        await deliver(scene.db, enrolment_id)
        scene.bell.wake()
        await scene.all_relayed()
        before = len(await scene.batches(enrolment_id))
        await scene.reconciler(nudges=[timedelta(0)]).look()
        scene.bell.wake()
        await scene.all_relayed()
    assert (await scene.batches(enrolment_id))[before:] == [[3]]


async def test_nudges_become_rarer_and_stop_with_the_acknowledgement(scene: Scene) -> None:
    enrolment_id = await scene.enrol()
    hour, day = timedelta(hours=1), timedelta(days=1)
    reconciler = scene.reconciler(nudges=[timedelta(minutes=30), hour, day])
    for nudges in (1, 1):  # relayed an hour ago: due at once; then only after another hour
        await relayed(scene.db, enrolment_id)
        await reconciler.look()
        assert (await enrolment_row(scene.db, enrolment_id))["nudges"] == nudges
    await scene.db.pool.execute("UPDATE enrolments SET nudged_at = now() - interval '2 h'")
    await reconciler.look()
    assert (await enrolment_row(scene.db, enrolment_id))["nudges"] == 2
    await write_progress(scene.db.pool, progress(enrolment_id, 1))
    await relayed(scene.db, enrolment_id)
    await scene.db.pool.execute("UPDATE enrolments SET nudged_at = now() - interval '9 d'")
    await reconciler.look()
    assert (await enrolment_row(scene.db, enrolment_id))["nudges"] == 0


async def test_the_relay_and_the_reconciler_mend_a_lost_workflow_together(scene: Scene) -> None:
    enrolment_id = await abandoned(scene, step="wait", traces=(WAITING,))
    async with scene.relay():
        await deliver(scene.db, enrolment_id)
        scene.bell.wake()
        await eventually(lambda: scene.db.pool.fetchval("SELECT checked_at = 'epoch' FROM enrolments"))
        await scene.reconciler(period=timedelta(minutes=10)).look()
    assert await scene.batches(enrolment_id) == [[2]]


async def test_the_real_workflow_goes_on_in_the_same_visit_and_comes_to_its_end(scene: Scene) -> None:
    text = f"journey: {scene.journey}\ntitle: T\nstart: [{{on: Reserved}}]\nsteps: [{{wait: 3s}}, {{stop: done}}]\n"
    journey = load_journey("test.yaml", text).model
    assert journey is not None
    definition = compile_journey(journey, {}).definition
    await scene.db.pool.execute("UPDATE journey_versions SET definition = $1", definition)
    enrolment_id = await scene.enrol()
    queue = f"real_{scene.journey}"
    client = JourneyClient(scene.client, task_queue=queue)
    records = RecordActivities(Records(scene.db))
    async with (
        Worker(
            scene.client,
            task_queue=queue,
            workflows=[JourneyWorkflow],
            activities=[records.record_progress],
            workflow_runner=sandboxed(),
        ),
        scene.relay(client),
    ):
        await eventually(lambda: scene.db.pool.fetchval("SELECT step IS NOT NULL FROM enrolments"))
        await scene.handle(enrolment_id).terminate()
        await noticed(scene)
        await scene.reconciler(client).look()
        assert await scene.handle(enrolment_id).result() == "done"
    row = await enrolment_row(scene.db, enrolment_id)
    assert (row["state"], row["outcome"]) == ("ended", "done")
    assert [one["visit"] for one in await scene.db.pool.fetch("SELECT visit FROM steps WHERE verb = 'wait'")] == [1]
