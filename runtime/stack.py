"""Everything on this machine: embedded PostgreSQL and Temporal, the API and the worker, kept running."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from runtime.data_directory import DataDirectory
from runtime.part import Part
from runtime.port import choose_port
from runtime.postgres import ensure_database, postgres_part, postgres_url, remove_socket_directory
from runtime.programs import Programs, sojourn_programs
from runtime.roster import Roster
from runtime.settings import PREFIX, Settings, SettingsInvalid, load_settings
from runtime.supervisor import Supervisor
from runtime.temporal_server import temporal_part
from runtime.watch import LONGEST_PAUSE

MakePrograms = Callable[["EmbeddedStack"], Programs]


class EmbeddedStack:
    """`async with EmbeddedStack(data, …) as stack:` is `sojourn up` for programs: inside the block all parts are ready.

    Parts that die are started again on the same ports and data. A port of 0 means a free one; `metrics_port` is where
    Temporal's own metrics are served (None: nowhere). `speed` None keeps the
    directory's own. `programs` replaces the API, the worker, migrations and publishing; `environment` adds to what
    they get; `report` is told in one line what dies and returns; `longest_pause` is the Supervisor's.

    Entering raises SettingsInvalid, DataDirectoryProblem, PortInUse or PartFailed, and leaves nothing running.
    """

    def __init__(
        self,
        data: Path,
        *,
        port: int = 8000,
        temporal_port: int = 7233,
        ui_port: int | None = 8233,
        metrics_port: int | None = None,
        speed: float | None = None,
        journeys: Path | None = None,
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
        programs: MakePrograms | None = None,
        report: Callable[[str], None] | None = None,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self.settings = settings or load_settings()
        self.directory = DataDirectory(data)
        self.journeys = journeys
        self._asked_ports = (port, temporal_port, ui_port)
        self._metrics_port = metrics_port
        self._asked_speed = speed
        self._more_environment = dict(environment or {})
        self._make_programs = programs or _sojourn
        self._report = report or _to_stderr
        self._longest_pause = longest_pause
        self._exits = AsyncExitStack()
        self.last_words: dict[str, str] = {}  # what migrate and publish printed, by part

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exits:
            await self._start(exits)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()

    async def _start(self, exits: AsyncExitStack) -> None:
        exits.enter_context(self.directory.hold())
        self._take_keys()
        roster = Roster(self.directory.parts)
        for name in await asyncio.to_thread(roster.end_leftovers):
            self._report(f"ended {name}, left behind by an earlier run")
        self._take_addresses()
        self.supervisor = Supervisor(roster, self.directory.logs, self._report, self._longest_pause)
        exits.callback(remove_socket_directory, self.directory.postgres)
        exits.push_async_callback(self.supervisor.stop_all)
        await self._start_together(*await self._engines())
        await ensure_database(self.directory.postgres)
        programs = self._make_programs(self)
        for part in programs.first:
            self.last_words[part.name] = await self.supervisor.run(part)
        await self._start_together(*programs.services)
        for part in programs.last:
            self.last_words[part.name] = await self.supervisor.run(part)

    def _take_keys(self) -> None:
        settings = self.settings
        if settings.is_guarded:
            settings.require_api()
        settings.require_worker()
        keys = self.directory.development_keys()
        self.write_keys = tuple(key.get_secret_value() for key in settings.write_keys) or (keys.write_key,)
        self.api_keys = tuple(key.get_secret_value() for key in settings.api_keys) or (keys.api_key,)
        self.signing_keys = tuple(key.get_secret_value() for key in settings.signing_keys) or (keys.signing_key,)
        if settings.clock_speed != 1 and self._asked_speed is None:
            self._asked_speed = settings.clock_speed

    def _take_addresses(self) -> None:
        port, temporal_port, ui_port = self._asked_ports
        self.port = choose_port(port, what="API", option="--port", host=self.settings.host)
        self.temporal_port = choose_port(temporal_port, what="Temporal", option="--temporal-port")
        self.ui_port = ui_port
        if ui_port is not None:
            self.ui_port = choose_port(ui_port, what="Temporal's UI", option="--ui-port")
        if len({self.port, self.temporal_port, self.ui_port}) < 3:
            raise SettingsInvalid("--port, --temporal-port and --ui-port must differ")
        self.clock = self.directory.clock(self._asked_speed)
        if self.clock.speed != 1 and self.settings.sends_for_real:
            raise SettingsInvalid(
                "--speed: a month of messages would go out to real people in moments; unset the providers' accounts"
            )

    async def _engines(self) -> tuple[Part, Part]:
        temporal = temporal_part(
            self.directory.temporal,
            port=self.temporal_port,
            ui_port=self.ui_port,
            codec_endpoint=f"{self.api_url}/codec",
            metrics_port=self._metrics_port,
        )
        return await asyncio.to_thread(postgres_part, self.directory.postgres), temporal

    async def _start_together(self, *parts: Part) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(self.supervisor.start(part))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return postgres_url(self.directory.postgres)

    @property
    def temporal_address(self) -> str:
        return f"127.0.0.1:{self.temporal_port}"

    @property
    def temporal_ui_url(self) -> str | None:
        return None if self.ui_port is None else f"http://127.0.0.1:{self.ui_port}"

    @property
    def write_key(self) -> str:
        return self.write_keys[0]

    @property
    def api_key(self) -> str:
        return self.api_keys[0]

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by part: postgres, temporal, api, worker."""
        return self.supervisor.pids

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to work with this stack."""
        values = {
            "IS_EMBEDDED": "true",
            "HOST": self.settings.host,
            "PORT": str(self.port),
            "DATABASE_URL": self.database_url,
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "TEMPORAL_UI_URL": self.temporal_ui_url or "",
            "WRITE_KEYS": ",".join(self.write_keys),
            "API_KEYS": ",".join(self.api_keys),
            "SIGNING_KEYS": ",".join(self.signing_keys),
            "CLOCK_SPEED": str(self.clock.speed),
            "CLOCK_ORIGIN": self.clock.origin.isoformat(),
            **self._defaults(),
        }
        named = {f"{PREFIX}{name}": value for name, value in values.items()}
        return {"PYTHONUNBUFFERED": "1", **named, **self._more_environment}

    def _defaults(self) -> dict[str, str]:
        """What is set for the embedded stack unless the user set it."""
        values = {"PUBLIC_URL": self.api_url, "LOG_FORMAT": "console"}
        if self.journeys is not None:
            values["JOURNEYS"] = str(self.journeys.resolve())
        chosen = self.settings.model_fields_set - {"journeys"}
        return {name: value for name, value in values.items() if name.lower() not in chosen}

    def kill(self, part: str, with_signal: signal.Signals = signal.SIGKILL) -> int:
        """Kills a part, which is started again; returns the process id that was hit, for `recovered`."""
        return self.supervisor.kill(part, with_signal)

    async def recovered(self, part: str, *, after: int, within: float = 60.0) -> int:
        """Waits until a part is ready again as another process than `after`; returns its id. Raises TimeoutError."""
        return await self.supervisor.recovered(part, after=after, within=within)

    async def restart(self, part: str, environment: Mapping[str, str] | None = None) -> None:
        """Stops a part gently and starts it again; `environment` adds to its own for this one life (fail-points)."""
        await self.supervisor.restart(part, environment)

    async def stop(self, part: str) -> None:
        """Stops a part until `start` is called for it."""
        await self.supervisor.stop(part)

    async def start(self, part: str) -> None:
        """Starts a part that `stop` stopped."""
        await self.supervisor.start_again(part)


def _sojourn(stack: EmbeddedStack) -> Programs:
    return sojourn_programs(
        stack.environment, port=stack.port, worker_ready=stack.directory.worker_ready, journeys=stack.journeys
    )


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
