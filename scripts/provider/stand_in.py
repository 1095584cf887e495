"""The server that plays both providers, and fails as it is told to."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from scripts.provider.ledger import Accepted, Fault, Ledger
from scripts.provider.sendgrid import SendGrid
from scripts.provider.twilio import Twilio


class Provider(Ledger):
    """`fail(fault, times)` lets the next sends fail so, `mishap` is asked for the others; `refuse(status, body)` lets
    the next one be refused. `faulted` counts what went wrong.

    `asked` are the newest requests to Twilio by their paths and fields, `queries` the fields of the newest lists that
    were asked for; `asked_of_sendgrid` the newest bodies by their paths. `scripts`: what calls do when answered, by
    their ids: TwiML, or the address that tells.
    """

    def __init__(self, *, lag: float = 0, hang: float = 30, journal: Path | None = None) -> None:
        super().__init__(lag, journal)
        self.hang = hang
        self.retry_after = "0"
        self.mishap: Callable[[], Fault | None] = lambda: None
        self.faulted: Counter[str] = Counter()
        self.url = ""
        self._twilio = Twilio(self, self._take)
        self._sendgrid = SendGrid(self, self._take)
        self._faults: deque[Fault] = deque()
        self._refusals: deque[tuple[int, dict[str, Any]]] = deque()
        self._runner: web.AppRunner | None = None
        self._over = asyncio.Event()

    @property
    def asked(self) -> deque[tuple[str, list[tuple[str, str]]]]:
        return self._twilio.asked

    @property
    def asked_of_sendgrid(self) -> deque[tuple[str, Any]]:
        return self._sendgrid.asked

    @property
    def scripts(self) -> dict[str, str]:
        return self._twilio.scripts

    def fail(self, fault: Fault, times: int = 1) -> None:
        self._faults.extend([fault] * times)

    def refuse(self, status: int, body: dict[str, Any]) -> None:
        self._refusals.append((status, body))

    async def start(self, port: int = 0) -> Self:
        app = web.Application()
        self._twilio.add_routes(app.router)
        self._sendgrid.add_routes(app.router)
        app.router.add_get("/ledger", self._ledger)
        app.router.add_post("/faults", self._fault)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    def let_go(self) -> None:
        """Whatever hangs is answered now, and nothing hangs any more."""
        self._over.set()

    async def stop(self) -> None:
        self.let_go()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _take(self, request: web.Request, message: Accepted, answer: web.Response) -> web.StreamResponse:
        """Accept a message and answer, or fail as was asked for."""
        self.calls += 1
        if self._refusals:
            status, body = self._refusals.popleft()
            return web.json_response(body, status=status)
        fault = self._faults.popleft() if self._faults else self.mishap()
        if fault is not None:
            self.faulted[fault] += 1
        if fault in ("too_many", "unavailable", "drop"):
            return self._turned_away(request, fault)
        self.accept(message)
        if fault == "accept_then_drop":
            return _cut(request)
        if fault == "error_after_accept":
            return web.json_response({"code": 20500, "message": "Internal error"}, status=500)
        if fault == "hang":
            await asyncio.wait([asyncio.ensure_future(self._over.wait())], timeout=self.hang)
        return answer

    def _turned_away(self, request: web.Request, fault: Fault) -> web.Response:
        if fault == "too_many":
            headers = {"Retry-After": self.retry_after}
            return web.json_response({"code": 20429, "message": "Too Many Requests"}, status=429, headers=headers)
        if fault == "unavailable":
            return web.json_response({"code": 20503, "message": "Service unavailable"}, status=503)
        return _cut(request)

    async def _ledger(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(message) for message in self.accepted])

    async def _fault(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.fail(asked["fault"], asked.get("times", 1))
        return web.Response(status=204)


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
