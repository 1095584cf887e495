"""Demo time is for the sandbox."""

from pathlib import Path

import pytest

from runtime.settings import SettingsInvalid, load_settings
from runtime.stack import EmbeddedStack


async def test_no_real_person_gets_a_month_of_messages_in_moments(tmp_path: Path) -> None:
    settings = load_settings(twilio_account_sid="AC1", twilio_auth_token="token", twilio_from="+15005550006")
    stack = EmbeddedStack(tmp_path / "data", port=0, temporal_port=0, ui_port=None, speed=86_400, settings=settings)
    with pytest.raises(SettingsInvalid, match="--speed"):
        await stack.__aenter__()
