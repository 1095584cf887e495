"""The provider of the benchmark: accepts what Twilio and SendGrid accept, and remembers when each message arrived.

Run as a process of its own: `python -m scripts.benchmark.sink PORT`.
"""

import asyncio
import json
import sys
import time
from urllib.parse import parse_qs

import uvloop
from aiohttp import web


class Sink:
    """What arrived: an SMS's text → the moment (Unix seconds, this machine's clock); calls and e-mails likewise, by
    `voice` or `email` and the address."""

    def __init__(self) -> None:
        self._arrived_at: dict[str, float] = {}
        self._calls = 0
        self._arriving = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/2010-04-01/Accounts/{account}/Messages.json", self._create)
        app.router.add_post("/2010-04-01/Accounts/{account}/Calls.json", self._call)
        app.router.add_post("/v3/mail/send", self._mail)
        app.router.add_get("/arrived", self._arrived)
        app.router.add_get("/reached/{count}", self._reached)
        app.router.add_post("/when", self._when)
        app.router.add_post("/forget", self._forget)
        return app

    async def _create(self, request: web.Request) -> web.Response:
        fields = await self._fields(request)
        self._note(fields["Body"])
        answer = {"sid": f"SM{self._calls:032x}", "status": "queued", "to": fields["To"], "num_segments": "1"}
        return web.json_response(answer, status=201)

    async def _call(self, request: web.Request) -> web.Response:
        fields = await self._fields(request)
        self._note(f"voice {fields['To']}")
        answer = {"sid": f"CA{self._calls:032x}", "status": "queued", "to": fields["To"]}
        return web.json_response(answer, status=201)

    async def _mail(self, request: web.Request) -> web.Response:
        mail = json.loads(await request.read())
        self._note(f"email {mail['personalizations'][0]['to'][0]['email']}")
        return web.Response(status=202, headers={"X-Message-Id": f"mail-{self._calls}"})

    async def _fields(self, request: web.Request) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs((await request.read()).decode()).items()}

    def _note(self, message: str) -> None:
        self._calls += 1
        self._arrived_at.setdefault(message, time.time())
        self._arriving.set()

    async def _arrived(self, _: web.Request) -> web.Response:
        return web.json_response(self._arrived_at)

    async def _reached(self, request: web.Request) -> web.Response:
        """Answers when there are so many different messages."""
        while len(self._arrived_at) < int(request.match_info["count"]):
            self._arriving.clear()
            await self._arriving.wait()
        return web.json_response({"calls": self._calls, "messages": len(self._arrived_at)})

    async def _when(self, request: web.Request) -> web.Response:
        """Answers when all messages asked for have arrived: since when."""
        missing = wanted = set(await request.json())
        while missing := missing - self._arrived_at.keys():
            self._arriving.clear()
            await self._arriving.wait()
        return web.json_response({message: self._arrived_at[message] for message in wanted})

    async def _forget(self, _: web.Request) -> web.Response:
        self._arrived_at.clear()
        self._calls = 0
        return web.Response()


def main() -> None:
    uvloop.install()
    web.run_app(Sink().app(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
