"""SIGTERM ends a script as Ctrl-C does: what it started is stopped, what it made is removed."""

import asyncio
import signal


def stop_on_sigterm() -> None:
    """Cancel the present task when told to stop."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
