"""`sojourn api`: the API in one process."""

import uvicorn

from api.app import create_app
from runtime.settings import Settings

_GRACE = 15  # seconds a request in flight may still take once we are told to stop


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what is in flight."""
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=30,
        server_header=False,
    )
