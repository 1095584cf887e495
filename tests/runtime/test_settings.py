import base64
from pathlib import Path

import pytest

from runtime.settings import SettingsInvalid, load_settings

KEY = f"2026:{base64.b64encode(bytes(32)).decode()}"


@pytest.mark.parametrize("written", ["one,two", "one, two,", '["one", "two"]'])
def test_keys_are_listed_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("SOJOURN_WRITE_KEYS", written)

    assert [key.get_secret_value() for key in load_settings().write_keys] == ["one", "two"]


def test_a_dot_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SOJOURN_PORT=1234\nSOJOURN_TWILIO_FROM=+15005550006\n")
    monkeypatch.setenv("SOJOURN_PORT", "4321")

    settings = load_settings()

    assert (settings.port, settings.twilio_from) == (4321, "+15005550006")


def test_every_fault_names_its_variable_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_DATABASE_URL", "mysql://root:hunter2@db")
    monkeypatch.setenv("SOJOURN_ENCRYPTION_KEYS", "2026:aHVudGVyMg==")
    monkeypatch.setenv("SOJOURN_FAILPOINTS", "relay signalled")

    with pytest.raises(SettingsInvalid) as caught:
        load_settings()

    variables = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert variables == ["SOJOURN_DATABASE_URL", "SOJOURN_ENCRYPTION_KEYS", "SOJOURN_FAILPOINTS"]
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = load_settings(
        database_url="postgresql://u:hunter2@db/x", api_keys="hunter2", twilio_auth_token="hunter2"
    )

    assert "hunter2" not in repr(settings)


def test_a_database_url_for_sqlalchemy_becomes_one_for_asyncpg() -> None:
    settings = load_settings(database_url="postgresql+asyncpg://postgres@/sojourn?host=/tmp")

    assert settings.database_url == "postgresql://postgres@/sojourn?host=/tmp"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, ["WRITE_KEYS", "API_KEYS"]),
        ({"write_keys": "w", "api_keys": "a"}, []),
        ({"write_keys": "w", "api_keys": "a", "host": "::1"}, []),
        ({"write_keys": "w", "api_keys": "a", "host": "0.0.0.0"}, ["ENCRYPTION_KEYS"]),
        ({"write_keys": "w", "api_keys": "a", "environment": "production"}, ["ENCRYPTION_KEYS"]),
        ({"write_keys": "w", "api_keys": "a", "host": "0.0.0.0", "encryption_keys": KEY}, []),
    ],
)
def test_the_api_is_refused_without_the_keys_it_needs(given: dict[str, str], missing: list[str]) -> None:
    settings = load_settings(**given)

    try:
        settings.require_api()
        refused = []
    except SettingsInvalid as error:
        refused = [line.partition(":")[0] for line in str(error).splitlines()]

    assert refused == [f"SOJOURN_{name}" for name in missing]
