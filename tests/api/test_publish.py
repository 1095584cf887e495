"""Publishing makes journeys live, and the policy that all of them send under."""

from datetime import UTC, datetime
from pathlib import Path

from api.publish import publish
from language.library import read_library
from language.policy import Policy
from runtime.settings import Settings
from scripts.publish import run
from store.database import Database
from store.policies import PolicyShelf

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
FILES = {
    "j.yaml": "journey: j\ntitle: J\nstart: {on: Go}\nsteps:\n  - send: m\n",
    "messages/m.yaml": "message: m\nclass: service\nsms: Hello\n",
    "policy.yaml": "minimum_gap: 4h\n",
}


async def policy_now(db: Database) -> Policy:
    return await PolicyShelf(db).policy()


async def test_a_policy_is_published_with_its_journeys_and_stays_when_none_is_named(db: Database) -> None:
    library = read_library(FILES)
    [published] = await publish(db, library.compiled(), at=AT, policy=library.policy)
    assert published.is_new
    assert await policy_now(db) == library.policy
    await publish(db, library.compiled(), at=AT)
    assert await policy_now(db) == library.policy


async def test_a_directory_without_a_policy_takes_back_what_held(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    settings = Settings.model_validate({"database_url": database_url})
    assert await run(settings, tmp_path) == 0
    assert (await policy_now(db)).minimum_gap is not None
    (tmp_path / "policy.yaml").unlink()
    assert await run(settings, tmp_path) == 0
    assert await policy_now(db) == Policy()


async def test_a_faulty_policy_publishes_nothing(db: Database, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "messages").mkdir()
    for name, text in {**FILES, "policy.yaml": "minimum_gap: soon\n"}.items():
        (tmp_path / name).write_text(text)
    assert await run(Settings.model_validate({"database_url": database_url}), tmp_path) == 1
    assert await db.pool.fetchval("SELECT count(*) FROM journey_versions") == 0
    assert await db.pool.fetchval("SELECT count(*) FROM policies") == 0
