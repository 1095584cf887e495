import pytest


@pytest.fixture(autouse=True)
def _without_settings(bare_environment: None) -> None:
    """Settings are what is tested here."""
