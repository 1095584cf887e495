"""Logs: JSON lines in production, readable in development, and never personal data."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.settings import Settings

PERSONAL_KEYS = frozenset(
    {
        "anonymous_id", "authorization", "birthday", "body", "email", "first_name", "from", "headers", "html", "ip",
        "last_name", "password", "phone", "properties", "recipient", "sender", "subject", "to", "token", "traits",
        "user_id", "write_key",
    }
)  # fmt: skip
_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.])\+\d[\d ()-]{6,18}\d")


def drop_personal_data(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leaves out personal keys, also in nested mappings, and masks addresses in texts (exceptions quote data)."""
    return {key: _masked(value) for key, value in event.items() if key.lower() not in PERSONAL_KEYS}


def _masked(value: Any) -> Any:
    match value:
        case str():
            return _PHONE.sub("[phone]", _EMAIL.sub("[email]", value))
        case Mapping():
            return {key: _masked(item) for key, item in value.items() if str(key).lower() not in PERSONAL_KEYS}
        case list() | tuple():
            return [_masked(item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return _masked(str(value))


def set_up_logs(settings: Settings) -> None:
    """Sends structlog, the standard library's, uvicorn's and temporalio's logs one way, to standard error."""
    is_json = settings.log_format == "json" or (settings.log_format == "auto" and _prefers_json(settings))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.PositionalArgumentsFormatter(), _wrap()],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_render(is_json)))
    _adopt(handler, settings.log_level.upper())


def _prefers_json(settings: Settings) -> bool:
    return settings.environment == "production" or not sys.stderr.isatty()


def _wrap() -> Processor:
    return structlog.stdlib.ProcessorFormatter.wrap_for_formatter


def _render(is_json: bool) -> list[Processor]:
    last: Processor = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if not is_json:
        last = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        drop_personal_data,
        last,
    ]


def _adopt(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "temporalio"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # A request's query may name a customer by e-mail; our own logs say what matters of a request.
    logging.getLogger("uvicorn.access").disabled = True
    for name in ("httpx", "httpcore", "twilio", "twilio.http_client", "asyncio", "alembic.runtime.plugins"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # While PostgreSQL is away its pool complains with a traceback each time; we say it once.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)
