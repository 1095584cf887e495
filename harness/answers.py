"""Plays the other systems that journeys call: destinations over HTTP, and registered functions."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from aiohttp import web

from activities.functions import Function, FunctionCall, Json, Refused
from language.destinations import Destination

Given = Mapping[str, dict[str, Any] | Literal["refused"]]
REFUSALS = (422, 409, 410, 400)
SUCCESSES = (200, 201, 202, 203, 206, 299)


class Answers:
    """`given` says what each destination or function answers; nothing is said of the others, which answer {}."""

    def __init__(self) -> None:
        self.given: Given = {}
        self._destinations: dict[str, Destination] = {}
        self._runner: web.AppRunner | None = None
        self._url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{name}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def play(self, destinations: Mapping[str, Destination], given: Given) -> dict[str, Destination]:
        """Answer so from now on; returns the same destinations with this server's address, and without secrets."""
        self.given, self._destinations = given, dict(destinations)
        return {
            name: it.model_copy(update={"url": f"{self._url}/{name}", "headers_env": {}, "secret_env": None})
            for name, it in destinations.items()
        }

    def function(self, name: str) -> Function:
        """What is called in the place of a registered function."""

        async def answer(_: FunctionCall) -> Json:
            given = self.given.get(name, {})
            if isinstance(given, str):
                raise Refused("as the scenario says")
            return given

        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        given, destination = self.given.get(name, {}), self._destinations[name]
        if isinstance(given, str):
            return web.json_response(status=next(it for it in REFUSALS if not destination.takes(it)))
        status = next((it for it in (*SUCCESSES, *REFUSALS) if destination.takes(it)), SUCCESSES[0])
        return web.json_response(given, status=status)
