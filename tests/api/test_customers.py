import pytest
from structlog.testing import capture_logs

from store.database import Database
from tests.api.reading import add_enrolment, add_identifier, reading
from tests.rows import AT, add_customer


async def test_customer_is_found_by_each_of_their_names(db: Database) -> None:
    ana = await add_customer(db, traits={"first_name": "Ana"}, time_zone="America/Sao_Paulo", locale="pt-BR")
    for kind, value in {"user_id": "u:1/9", "anonymous_id": "a-1", "email": "ana@x.test", "phone": "+5511"}.items():
        await add_identifier(db, ana, kind, value)
    names = [str(ana), "user_id:u:1/9", "anonymous_id:a-1", "email:Ana@X.test", "phone:+5511"]
    async with reading(db) as api:
        found = [(await api.get(f"/v1/customers/{name}")).json() for name in names]
    assert all(customer == found[0] for customer in found)
    assert found[0]["id"] == ana
    assert found[0]["traits"] == {"first_name": "Ana"}
    assert (found[0]["time_zone"], found[0]["locale"]) == ("America/Sao_Paulo", "pt-BR")
    assert {"kind": "user_id", "value": "u:1/9"} in found[0]["identifiers"]


async def test_merged_customer_is_found_as_who_they_became(db: Database) -> None:
    stays = await add_customer(db)
    gone = await add_customer(db, merged_into=stays)
    first = await add_customer(db, merged_into=gone)
    late = await add_enrolment(db, gone)  # written by somebody who did not know yet
    async with reading(db) as api:
        found = (await api.get(f"/v1/customers/{first}")).json()
    assert found["id"] == stays
    assert found["merged"] == [gone, first]
    assert [enrolment["id"] for enrolment in found["enrolments"]] == [late]


async def test_customers_enrolments_come_newest_first(db: Database) -> None:
    ana = await add_customer(db)
    old = await add_enrolment(db, ana, state="ended", outcome="expired", ended_at=AT)
    new = await add_enrolment(db, ana, key="7")
    async with reading(db) as api:
        found = (await api.get(f"/v1/customers/{ana}")).json()["enrolments"]
    assert [(it["id"], it["state"], it["outcome"], it["key"]) for it in found] == [
        (new, "active", None, "7"),
        (old, "ended", "expired", ""),
    ]


async def test_answer_says_whom_it_looked_for(db: Database) -> None:
    async with reading(db) as api:
        answer = await api.get("/v1/customers/user_id:nobody")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Nobody is known as user_id:nobody."


@pytest.mark.parametrize("name", ["ana", "user_id:", "e-mail:ana@x.test", "99999999999999999999", "²"])
async def test_name_that_cannot_be_one_is_told_how_to_be(db: Database, name: str) -> None:
    async with reading(db) as api:
        answer = await api.get(f"/v1/customers/{name}")
    assert answer.status_code == 422
    assert "user_id:…" in answer.json()["errors"][0]["problem"]


async def test_customers_need_an_api_key(db: Database) -> None:
    async with reading(db) as api:
        answer = await api.get("/v1/customers/1", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


async def test_unknown_parameter_is_named(db: Database) -> None:
    ana = await add_customer(db)
    async with reading(db) as api:
        answer = await api.get(f"/v1/customers/{ana}?verbose=1")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"at": ["query", "verbose"], "problem": "it is not known here"}]


async def test_failure_is_logged_without_whom_it_was_about(db: Database) -> None:
    await db.pool.execute("ALTER TABLE customers RENAME COLUMN traits TO gone")
    async with reading(db) as api:
        with capture_logs() as logs:
            answer = await api.get("/v1/customers/email:ana@x.test")
    assert answer.status_code == 500
    assert logs[0]["path"] == "/v1/customers/{name:path}"
    assert "ana@x.test" not in str(logs)
