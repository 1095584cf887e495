"""Commands that find no PostgreSQL, or none that serves them."""

from pathlib import Path

import pytest

from store.database import Database
from tests.databases import address_of
from tests.scripts.command import sojourn

JOURNEYS = str(Path(__file__).parents[2] / "journeys")


@pytest.mark.parametrize("words", [("why", "user_id:u-1"), ("coupons", "count"), ("migrate",), ("publish", JOURNEYS)])
async def test_a_database_that_is_not_there_is_told_in_plain_words(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, out, err = await sojourn(f"postgresql://ana:secret@/sojourn?host={tmp_path}", *words)
    assert (code, out, err.count("\n")) == (1, "", 2)
    assert err.startswith("sojourn: PostgreSQL does not let us in: ")
    assert "SOJOURN_DATABASE_URL" in err
    assert "secret" not in err


async def test_a_database_without_tables_is_told_what_to_do(postgres_url: str) -> None:
    empty = address_of(postgres_url, "postgres")
    assert await sojourn(empty, "why", "user_id:u-1") == (
        1,
        "",
        "sojourn: the database has no tables yet, or old ones; run `sojourn migrate`\n",
    )


async def test_trouble_with_a_file_is_not_put_down_to_postgresql(db: Database, database_url: str) -> None:
    code, _, err = await sojourn(database_url, "coupons", "load", "codes", "/proc/self/mem")  # read, it fails
    assert code == 1
    assert "Input/output error" in err
    assert "PostgreSQL" not in err
