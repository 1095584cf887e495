"""What destinations.yaml may say, and what a journey may call."""

from datetime import timedelta
from typing import Any

import pytest

from language.destinations import Destination
from language.library import Library, read_library

JOURNEY = """\
journey: lead
start: {on: Lead Created}
steps:
  - call: crm_lead
    with: {lead: start.lead_id}
    otherwise:
      - stop: unreachable
"""
CRM = "destinations:\n  crm_lead:\n    url: https://crm.example.com/leads\n"


def read(destinations: str, journey: str = JOURNEY, functions: frozenset[str] = frozenset()) -> Library:
    return read_library({"j/lead.yaml": journey, "j/destinations.yaml": destinations}, functions)


def places(library: Library) -> list[tuple[str, int, str]]:
    return [(finding.file, finding.line, finding.code) for finding in library.errors]


def test_a_destination_is_what_the_file_says() -> None:
    library = read(CRM + "    timeout: 5s\n    retry_for: 1h\n    success: [2xx, 409]\n")
    assert library.errors == ()
    crm = library.destinations["crm_lead"]
    assert (crm.method, crm.timeout, crm.retry_for) == ("POST", timedelta(seconds=5), timedelta(hours=1))
    assert [crm.takes(status) for status in (204, 409, 404)] == [True, True, False]


def test_a_version_stores_the_destinations_that_it_names() -> None:
    idle = "  idle: {url: https://idle.example.com}\n"
    [compiled] = read(CRM + idle).compiled()
    assert compiled.destinations == {"crm_lead": {"url": "https://crm.example.com/leads"}}


def test_another_address_is_another_version() -> None:
    [one], [other] = read(CRM).compiled(), read(CRM.replace("leads", "people")).compiled()
    assert one.digest != other.digest
    assert read(CRM).compiled()[0].digest == one.digest


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        ("    url: ftp://crm.example.com", 3, "bad-value"),
        ("    url: https://", 3, "bad-value"),
        ("    url: https://me:hidden@crm.example.com", 3, "bad-value"),
        ("    url: https://a\n    timeout: 31s", 4, "bad-value"),
        ("    url: https://a\n    timeout: 0s", 4, "bad-value"),
        ("    url: https://a\n    retry_for: 4d", 4, "bad-value"),
        ("    url: https://a\n    secret_env: hunter2", 4, "bad-value"),
        ("    url: https://a\n    secret_env: SOJOURN_API_KEYS", 4, "bad-value"),
        ("    url: https://a\n    headers:\n      Authorization: Bearer x", 4, "bad-value"),
        ("    url: https://a\n    headers:\n      X-Api-Key: x", 4, "bad-value"),
        ("    url: https://a\n    headers:\n      Idempotency-Key: x", 4, "bad-value"),
        ('    url: https://a\n    headers:\n      X-A: "a\\r\\nB: c"', 4, "bad-value"),
        ("    url: https://a\n    headers_env:\n      Authorization: token", 5, "bad-value"),
        ("    url: https://a\n    method: DELETE", 4, "bad-value"),
        ("    url: https://a\n    success: [1xx]", 4, "bad-name"),
        ("    url: https://a\n    urll: https://b", 4, "unknown-field"),
        ("    method: POST", 2, "missing-field"),
    ],
)
def test_a_mistake_is_found_where_it_stands(line: str, number: int, code: str) -> None:
    library = read(f"destinations:\n  crm_lead:\n{line}\n")
    [(file, found, its_code)] = places(library)
    assert (file, its_code) == ("j/destinations.yaml", code)
    assert found == number
    assert "hidden" not in str(library.errors)
    assert "Bearer" not in str(library.errors)
    assert "hunter2" not in str(library.errors)


def test_what_is_called_and_nowhere_is_a_finding() -> None:
    library = read(CRM.replace("crm_lead", "crm_leads"))
    assert places(library) == [("j/lead.yaml", 4, "unknown-destination")]
    assert library.errors[0].remedy == "did you mean `crm_leads`?"
    assert library.errors[0].step == "call_crm_lead"


def test_a_registered_function_can_be_called() -> None:
    assert places(read("destinations: {}\n", functions=frozenset({"crm_lead"}))) == []


def test_a_function_and_a_destination_of_one_name_are_a_finding() -> None:
    assert places(read(CRM, functions=frozenset({"crm_lead"}))) == [("j/destinations.yaml", 2, "same-id")]


def test_a_second_file_is_a_finding() -> None:
    files: dict[str, Any] = {"j/lead.yaml": JOURNEY, "j/destinations.yaml": CRM, "j/more/destinations.yaml": CRM}
    assert places(read_library(files)) == [("j/more/destinations.yaml", 1, "same-id")]


def test_a_destination_reads_back_as_it_was_published() -> None:
    [compiled] = read(CRM + "    headers_env: {Authorization: CRM_AUTHORIZATION}\n").compiled()
    stored = Destination.model_validate(compiled.destinations["crm_lead"])
    assert list(stored.variables()) == ["CRM_AUTHORIZATION"]
