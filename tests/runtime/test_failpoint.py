import signal
import subprocess
import sys

import pytest

from runtime import failpoint

SCRIPT = """
from runtime import failpoint
failpoint.arm({specs!r})
for turn in range(10):
    print(turn, flush=True)
    failpoint.hit("relay.signalled")
    failpoint.hit("another.point")
"""


def run(*specs: str) -> tuple[int, int]:
    """The exit code and how many turns were begun."""
    result = subprocess.run([sys.executable, "-c", SCRIPT.format(specs=specs)], capture_output=True, text=True)
    assert result.stderr == (f"{failpoint.LAST_WORDS}relay.signalled\n" if result.returncode else "")
    return result.returncode, len(result.stdout.splitlines())


@pytest.mark.parametrize(
    ("specs", "outcome"),
    [
        ((), (0, 10)),
        (("some.other",), (0, 10)),
        (("relay.signalled",), (-signal.SIGKILL, 1)),
        (("some.other", "relay.signalled:3"), (-signal.SIGKILL, 3)),
        (("relay.signalled:11",), (0, 10)),
        (("relay.signalled%100",), (-signal.SIGKILL, 1)),
        (("relay.signalled%0",), (0, 10)),
    ],
)
def test_an_armed_point_kills_at_its_hit(specs: tuple[str, ...], outcome: tuple[int, int]) -> None:
    assert run(*specs) == outcome


@pytest.mark.parametrize("spec", ["", "Relay", "relay:0", "relay:", "relay%", "relay 3", "relay:3%5"])
def test_an_unreadable_point_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="not of the form"):
        failpoint.arm([spec])
