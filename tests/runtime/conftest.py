import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from whoever runs the tests, neither from the environment nor from a `.env` file."""
    for name in list(os.environ):
        if name.startswith("SOJOURN_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
