"""The answer to every exception that nothing inside has answered."""

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problem import answer_to


class LastResort:
    """The outermost middleware. What nobody foresaw becomes a problem with status 500 and goes no further, because the
    server would log its text, which may quote a customer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as error:
            response = await answer_to(Request(scope, receive), error)
            if not has_begun:
                await response(scope, receive, send)
