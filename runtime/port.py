"""TCP ports of this machine: free ones, and who holds a taken one."""

import contextlib
import random
import socket

import psutil

_BELOW_EPHEMERAL = range(15_000, 32_000)  # others pick at random above; a free port here stays free until it is used


class PortInUse(Exception):
    """A port that was asked for is taken. The text names the port, who has it, and the option to choose another."""


def free_port(*, host: str = "127.0.0.1") -> int:
    """A port that nobody uses now."""
    while not is_free(port := random.choice(_BELOW_EPHEMERAL), host=host):
        pass
    return port


def choose_port(port: int, *, what: str, option: str, host: str = "127.0.0.1") -> int:
    """`port` itself, or a free one for 0. Raises PortInUse."""
    if port == 0:
        return free_port(host=host)
    if is_free(port, host=host):
        return port
    raise PortInUse(f"port {port} ({what}) is in use{_holder(port)}; stop that, or choose another with {option}")


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            is_listener = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            if is_listener and connection.pid is not None:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""
