"""docker-compose.yml, Dockerfile and .env.example agree with the settings and keep to the rules for production."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
ONLY_COMPOSE = {"SOJOURN_DATABASE_PASSWORD", "SOJOURN_VERSION", "SOJOURN_LISTEN"}
ONE_SHOTS = {
    name: service for name, service in SERVICES.items() if service["restart"] != "unless-stopped"
}  # they end by themselves


def test_every_image_has_an_exact_version() -> None:
    images = {service["image"] for service in SERVICES.values()} | set(
        re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    )

    assert [image for image in images if not re.search(r":\D*\d+\.\d+", image)] == []


def test_no_secret_has_a_default() -> None:
    secrets = re.findall(r"\$\{(\w*(?:KEYS?|PASSWORD|TOKEN|SID))(.*?)\}", COMPOSE_TEXT)

    assert len(secrets) > 10
    assert {rest[:2] if rest.startswith(":?") else rest for _, rest in secrets} == {":?", ":-"}


def test_what_everybody_needs_must_be_set() -> None:
    needed = {name.removeprefix("SOJOURN_") for name in re.findall(r"\$\{(\w+):\?", COMPOSE_TEXT)}

    assert needed >= {"DATABASE_PASSWORD", "WRITE_KEYS", "API_KEYS", "ENCRYPTION_KEYS", "TWILIO_AUTH_TOKEN"}
    assert needed >= {"SENDGRID_API_KEY", "SENDGRID_WEBHOOK_PUBLIC_KEY"}


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONE_SHOTS.keys()))
def test_what_stays_running_says_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_whoever_is_waited_for_can_be_waited_for() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if name in ONE_SHOTS else "service_healthy"
            assert wait["condition"] == expected


def test_only_the_api_can_be_opened_to_others() -> None:
    published = {name: port for name, service in SERVICES.items() for port in service.get("ports", [])}

    assert {name for name, port in published.items() if not port.startswith("127.0.0.1:")} == {"api"}
    assert published["api"] == "${SOJOURN_LISTEN:-127.0.0.1:8000}:8000"


def test_compose_sets_only_settings_that_exist() -> None:
    given = set().union(*(SERVICES[name]["environment"] for name in ("migrate", "api", "worker")))

    assert given - SETTINGS == set()
    assert {"SOJOURN_ENVIRONMENT", "SOJOURN_ENCRYPTION_KEYS"} <= given


def test_the_example_of_env_names_every_setting_and_no_other() -> None:
    named = set(re.findall(r"^# (SOJOURN_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert named == SETTINGS | ONLY_COMPOSE


def test_the_image_runs_as_an_ordinary_user_from_hashed_requirements() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert re.findall(r"^USER (\d+)", dockerfile, re.MULTILINE) == ["10001"]
    assert "--require-hashes" in dockerfile
    assert all(" --hash=" in block for block in _requirements())


def _requirements() -> list[str]:
    text = (ROOT / "requirements.lock").read_text()
    return re.split(r"\n(?=\S)", text.strip())


def test_the_lock_names_no_address() -> None:
    assert re.findall(r"https?:|file:|--(?:extra-)?index|--find-links", (ROOT / "requirements.lock").read_text()) == []
