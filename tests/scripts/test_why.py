"""`sojourn why` as people run it: a process of its own, with settings from the environment."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from runtime.settings import PREFIX
from store.database import Database
from tests.api.reading import add_enrolment, add_identifier, add_message
from tests.databases import address_of
from tests.rows import add_customer

JOURNEYS = str(Path(__file__).parents[2] / "journeys")


async def sojourn(database_url: str, *words: str) -> tuple[int | None, str, str]:
    environment = {**os.environ, f"{PREFIX}DATABASE_URL": database_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", *words, env=environment, stdout=-1, stderr=-1
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_it_answers_by_a_phone_number_and_says_nothing_else(db: Database, database_url: str) -> None:
    ana = await add_customer(db)
    await add_identifier(db, ana, "phone", "+5511987654321")
    life = await add_enrolment(db, ana, step="send_offer")
    no_phone = {"message": "offer", "status": "undeliverable", "reason": "the customer's phone is not a text"}
    key = await add_message(db, life, "send_offer", **no_phone)
    code, out, err = await sojourn(database_url, "why", "phone:+5511987654321", "offer")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"Customer {ana}, times in UTC",
        "",
        "Journeys",
        "  Sun 1 Mar 2026 12:00  Entered reservation; now in step send_offer",
        "",
        "Messages",
        "  Sun 1 Mar 2026 12:00  Not sent: the customer's phone is not a text (SMS offer)",
        "      rule: a message needs a usable address (address)",
        f"      journey reservation, step send_offer: {key}",
    ]


async def test_nobody_is_known_by_that_name(db: Database, database_url: str) -> None:
    code, out, err = await sojourn(database_url, "why", "user_id:u-1029")
    assert (code, out, err) == (1, "", "nobody is known as user_id:u-1029\n")


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
