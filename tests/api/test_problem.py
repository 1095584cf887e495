import asyncio
import logging

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.last_resort import LastResort
from api.problem import Problem
from runtime.settings import Settings
from store.ingest_queue import Full, Unavailable


def client_of(error: Exception) -> httpx.AsyncClient:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return httpx.AsyncClient(transport=httpx.ASGITransport(LastResort(app)), base_url="http://test")


async def test_what_nobody_foresaw_is_a_problem_and_its_text_stays_inside(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = await client_of(ValueError("Ana Silva")).get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "Ana" not in answer.text + caplog.text


async def test_a_problem_is_answered_with_its_headers() -> None:
    answer = await client_of(Problem(429, "Slowly", headers={"Retry-After": "3"})).get("/")
    assert (answer.json()["title"], answer.headers["retry-after"]) == ("Slowly", "3")


async def test_without_postgresql_the_api_does_not_start(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.parts.PATIENCE", 0.2)
    settings = Settings.model_validate({"database_url": f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none"})
    app = create_app(settings)
    with pytest.raises(OSError, match="Connect"):
        async with asyncio.timeout(10), app.router.lifespan_context(app):
            pass


@pytest.mark.parametrize(("error", "status"), [(Full(retry_after=1), 429), (Unavailable("away"), 503)])
async def test_who_is_sent_away_is_told_when_to_come_again(error: Exception, status: int) -> None:
    answer = await client_of(error).get("/")
    assert answer.status_code == status
    assert int(answer.headers["retry-after"]) > 0
