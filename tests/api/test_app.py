"""What the application serves, by its settings alone."""

import base64
import re

import httpx
import pytest

from api.app import create_app
from runtime.settings import load_settings

KEY = f"2026:{base64.b64encode(bytes(32)).decode()}"
KEYS = {"write_keys": "w", "api_keys": "a", "encryption_keys": KEY, "signing_keys": KEY}


async def answer(path: str, **settings: str) -> httpx.Response:
    """Without starting the application's parts: only what needs none of them answers."""
    transport = httpx.ASGITransport(app=create_app(load_settings(**KEYS, **settings)))
    async with httpx.AsyncClient(transport=transport, base_url="http://sojourn") as http:
        return await http.get(path)


async def test_the_sandbox_shows_messages_on_this_machine() -> None:
    assert (await answer("/sandbox")).status_code == 200


@pytest.mark.parametrize("guarded", [{"environment": "production"}, {"host": "0.0.0.0"}])
@pytest.mark.parametrize("path", ["/sandbox", "/sandbox/pocket", "/sandbox/messages", "/sandbox/page.js"])
async def test_there_is_no_sandbox_where_others_can_reach_us(guarded: dict[str, str], path: str) -> None:
    assert (await answer(path, **guarded)).status_code == 404


async def test_the_front_door_leads_to_the_documentation() -> None:
    front = await answer("/")

    assert (front.status_code, front.headers["location"]) == (307, "/docs")


async def test_the_documentation_needs_nothing_from_elsewhere() -> None:
    page = (await answer("/docs")).text
    files = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(files) == 3
    assert [(await answer(file)).status_code for file in files] == [200, 200, 200]
    assert "http" not in page
