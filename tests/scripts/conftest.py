import pytest


@pytest.fixture(autouse=True)
def _without_settings(bare_environment: None) -> None:
    """What is started here must not find the account of a provider."""
