import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.settings import SettingsInvalid, load_settings

KEY = f"2026:{base64.b64encode(bytes(32)).decode()}"
KEYS = {"write_keys": "w", "api_keys": "a", "encryption_keys": KEY}
TWILIO = {"twilio_account_sid": "AC1", "twilio_auth_token": "t", "twilio_from": "+15005550006"}
SENDGRID = {"sendgrid_api_key": "SG.1", "sendgrid_from": "hello@example.com"}
VAPID_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
NO_TWILIO = ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"]
NO_SENDGRID = ["SENDGRID_API_KEY", "SENDGRID_FROM"]

TWILIO_PARTS = ("ACCOUNT_SID", "AUTH_TOKEN", "FROM")


def as_fallback(account: dict[str, str]) -> dict[str, str]:
    """The same account as a second one."""
    return {name.replace("_", "_fallback_", 1): value for name, value in account.items()}


def refused(requirement: Callable[[], None]) -> list[str]:
    """The variables that a refusal names, without their prefix."""
    try:
        requirement()
    except SettingsInvalid as error:
        return [line.partition(":")[0].removeprefix("SOJOURN_") for line in str(error).splitlines()]
    return []


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
        ({"host": "0.0.0.0", **TWILIO, **SENDGRID}, ["WRITE_KEYS", "API_KEYS", "ENCRYPTION_KEYS"]),
        ({"environment": "production", **KEYS}, NO_TWILIO + NO_SENDGRID),
        ({"host": "0.0.0.0", **KEYS, **TWILIO}, NO_SENDGRID),
        ({"host": "0.0.0.0", **KEYS, **TWILIO, **SENDGRID}, []),
    ],
)
def test_the_api_is_refused_without_the_keys_it_needs(given: dict[str, str], missing: list[str]) -> None:
    assert refused(load_settings(**given).require_api) == missing


@pytest.mark.parametrize("guarded", [{"environment": "production"}, {"host": "0.0.0.0"}])
def test_a_worker_of_production_never_sends_to_the_sandbox(guarded: dict[str, str]) -> None:
    bare = load_settings(**guarded, encryption_keys=KEY)
    whole = load_settings(**guarded, encryption_keys=KEY, **TWILIO, **SENDGRID)

    assert refused(bare.require_worker) == NO_TWILIO + NO_SENDGRID
    assert refused(whole.require_worker) == []
    assert not bare.needs_sandbox
    assert not whole.needs_sandbox


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"twilio_account_sid": "AC1"}, ["TWILIO_AUTH_TOKEN", "TWILIO_FROM"]),
        ({**TWILIO, "twilio_from": ""}, ["TWILIO_FROM"]),
        ({**TWILIO, "twilio_from": "", "twilio_messaging_service_sid": "MG1"}, []),
        ({"sendgrid_api_key": "SG.1"}, ["SENDGRID_FROM"]),
        ({"vapid_private_key": VAPID_KEY}, ["VAPID_SUBJECT"]),
        ({"vapid_subject": "mailto:ops@example.com"}, ["VAPID_PRIVATE_KEY"]),
        ({"vapid_private_key": "", "vapid_subject": "", "fcm_service_account": ""}, []),
        ({**TWILIO, **as_fallback(TWILIO), **SENDGRID, **as_fallback(SENDGRID)}, []),
        ({**TWILIO, "twilio_fallback_account_sid": "AC2"}, ["TWILIO_FALLBACK_AUTH_TOKEN", "TWILIO_FALLBACK_FROM"]),
        ({**TWILIO, "twilio_fallback_voice_from": "+1"}, [f"TWILIO_FALLBACK_{it}" for it in TWILIO_PARTS]),
        (as_fallback(TWILIO), ["TWILIO_ACCOUNT_SID"]),
        (as_fallback(SENDGRID), ["SENDGRID_API_KEY"]),
        ({**SENDGRID, "sendgrid_fallback_from": "b@example.com"}, ["SENDGRID_FALLBACK_API_KEY"]),
        ({}, []),
    ],
)
def test_a_provider_is_set_up_whole_or_played_by_the_sandbox(given: dict[str, str], missing: list[str]) -> None:
    assert refused(load_settings(**given).require_worker) == missing


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vapid_private_key", "hunter2"),
        ("vapid_private_key", "ähunter2"),
        ("vapid_subject", "hunter2@example.com"),
        ("vapid_subject", "mailto:hunter2"),
        ("fcm_service_account", "hunter2.json"),
        ("fcm_service_account", '["hunter2"]'),
        ("fcm_service_account", '{"project_id": "hunter2", "client_email": "a", "private_key": 1}'),
    ],
)
def test_a_push_account_that_cannot_be_read_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"SOJOURN_{name.upper()}: must") as caught:
        load_settings(**{name: value})

    assert "hunter2" not in str(caught.value)


def test_the_sandbox_is_there_while_one_provider_has_no_account() -> None:
    assert load_settings().needs_sandbox
    assert load_settings(**TWILIO).needs_sandbox
    assert not load_settings(**TWILIO, **SENDGRID).needs_sandbox


def test_it_is_known_whether_messages_leave_this_machine() -> None:
    account = {"twilio_account_sid": "AC1", "twilio_auth_token": "token", "twilio_from": "+15005550006"}
    assert not load_settings().sends_for_real
    assert load_settings(**account).sends_for_real
    assert not load_settings(**account, twilio_url="http://127.0.0.1:1").sends_for_real
    assert load_settings(vapid_private_key=VAPID_KEY).sends_for_real
    assert not load_settings(vapid_private_key=VAPID_KEY, web_push_url="http://127.0.0.1:1").sends_for_real


@pytest.mark.parametrize(("written", "rate"), [("", None), ("2.5", 2.5)])
def test_how_fast_to_call_may_be_left_blank(monkeypatch: pytest.MonkeyPatch, written: str, rate: float | None) -> None:
    monkeypatch.setenv("SOJOURN_TWILIO_CALLS_PER_SECOND", written)

    assert load_settings().twilio_calls_per_second == rate


@pytest.mark.parametrize("written", ["0", "-1", "fast"])
def test_calls_go_out_at_some_speed(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("SOJOURN_TWILIO_CALLS_PER_SECOND", written)

    with pytest.raises(SettingsInvalid, match="SOJOURN_TWILIO_CALLS_PER_SECOND"):
        load_settings()
