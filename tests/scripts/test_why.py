"""`sojourn why` as people run it: a process of its own, with settings from the environment."""

from store.database import Database
from tests.api.reading import add_enrolment, add_identifier, add_message
from tests.rows import add_customer
from tests.scripts.command import sojourn


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
