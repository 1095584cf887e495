"""The provider of the benchmark: accepts what Twilio and SendGrid accept, and remembers when each SMS arrived.

Run as a process of its own: `python -m scripts.benchmark.sink PORT`.
"""

import asyncio
import sys
import time
from urllib.parse import parse_qs

import uvloop
from aiohttp import web


class Sink:
    """What arrived: the message's text → the moment (Unix seconds, this machine's clock)."""

    def __init__(self) -> None:
        self._arrived_at: dict[str, float] = {}
        self._calls = 0
        self._arriving = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", self._create)
        app.router.add_post("/v3/mail/send", self._mail)
        app.router.add_get("/arrived", self._arrived)
        app.router.add_get("/reached/{count}", self._reached)
        app.router.add_post("/forget", self._forget)
        return app

    async def _create(self, request: web.Request) -> web.Response:
        at = time.time()
        fields = parse_qs((await request.read()).decode())
        self._calls += 1
        self._arrived_at.setdefault(fields["Body"][0], at)
        self._arriving.set()
        number = f"SM{self._calls:032x}"
        answer = {"sid": number, "status": "queued", "to": fields["To"][0], "num_segments": "1"}
        return web.json_response(answer, status=201)

    async def _mail(self, request: web.Request) -> web.Response:
        await request.read()
        self._calls += 1
        return web.Response(status=202, headers={"X-Message-Id": f"mail-{self._calls}"})

    async def _arrived(self, _: web.Request) -> web.Response:
        return web.json_response(self._arrived_at)

    async def _reached(self, request: web.Request) -> web.Response:
        """Answers when there are so many different messages."""
        while len(self._arrived_at) < int(request.match_info["count"]):
            self._arriving.clear()
            await self._arriving.wait()
        return web.json_response({"calls": self._calls, "messages": len(self._arrived_at)})

    async def _forget(self, _: web.Request) -> web.Response:
        self._arrived_at.clear()
        self._calls = 0
        return web.Response()


def main() -> None:
    uvloop.install()
    web.run_app(Sink().app(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
