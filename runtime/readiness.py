"""How a worker tells its supervisor that it takes work."""

import os

from runtime.settings import Settings


def announce_ready(settings: Settings) -> None:
    """Makes the file the supervisor waits for, holding this process's id; does nothing when nobody waits."""
    if settings.ready_file is not None:
        settings.ready_file.write_text(f"{os.getpid()}\n")
