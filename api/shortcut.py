"""Straight from the server to an endpoint: the framework's routing costs more than taking in an event."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class Shortcut:
    """A middleware that answers POSTs to these paths itself and passes on everything else; exceptions are for the next
    middleware. The same endpoints stand in the application's routes, where they are documented.
    """

    def __init__(self, app: ASGIApp, endpoint_by_path: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._endpoint_by_path = endpoint_by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        endpoint = self._endpoint_by_path.get(scope["path"]) if is_post else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        response = await endpoint(Request(scope, receive))
        await response(scope, receive, send)
