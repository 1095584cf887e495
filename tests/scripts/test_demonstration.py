from pathlib import Path

import pytest

from runtime.settings import load_settings
from scripts.demonstration import leave_settings_behind


def test_the_demo_never_finds_the_account_of_a_provider(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path(".env").write_text("SOJOURN_SENDGRID_API_KEY=SG.real\n")
    monkeypatch.setenv("SOJOURN_TWILIO_ACCOUNT_SID", "AC1")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    leave_settings_behind(elsewhere)

    assert load_settings().model_fields_set == set()
