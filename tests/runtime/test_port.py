import os
import socket

import pytest

from runtime.port import PortInUse, choose_port, is_free


def test_a_taken_port_is_named_with_its_holder_and_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            choose_port(port, what="API", option="--port")

    text = str(caught.value)
    assert f"port {port} (API)" in text
    assert f"process {os.getpid()}" in text
    assert "--port" in text


def test_zero_gives_a_free_port() -> None:
    assert is_free(choose_port(0, what="API", option="--port"))
