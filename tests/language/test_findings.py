"""docs/findings.md explains every finding; its examples are wrong in just that way, and mended as it says."""

import re
from pathlib import Path

import pytest

from language.finding import CODES, Finding
from language.library import read_library
from scripts.findings import PAGE, explain

HEAD = "journey: j\ntitle: J\nstart: {on: Go}\n"
FILES = {
    "messages/m.yaml": "message: m\nclass: service\nemail: {subject: Hello, body: Hello}\nsms: Hello\n",
    "messages/promo.yaml": "message: promo\nclass: promotional\ntopic: offers\n"
    "email: {subject: Sale, body: 'Sale! To stop, reply STOP.'}\n",
    "messages/receipt.yaml": "message: receipt\nclass: transactional\nemail: {subject: Paid, body: Thanks}\n",
    "nurture.yaml": "journey: nurture\ntitle: N\nstart: {call: true}\nsteps: [{send: promo, via: email}]\n",
    "closed.yaml": "journey: closed\ntitle: C\nstart: {on: Opened Here}\nsteps: [{send: promo, via: email}]\n",
}
NOT_SHOWN = {
    "file-too-large": "x" * 2_000_000,
    "too-large": HEAD + "steps:\n" + f"  - set: {{a: \"'{'x' * 3_000}'\"}}\n" * 25,
}
"""What a page cannot hold."""

IN_FILES = CODES - {"no-file"}

SECTION = re.compile(r"^## (\S+)\n\n(Error|Warning)\. .*?\n```yaml\n(.*?)^```.*?\n```yaml\n(.*?)^```", re.M | re.S)
SECTIONS = {
    code: (severity, wrong, mended) for code, severity, wrong, mended in SECTION.findall(PAGE.read_text("utf-8"))
}


def files_of(example: str) -> dict[str, str]:
    """An example is steps, lines of a head, or whole files, each below its name."""
    parts = re.split(r"^# (\S+\.yaml)\n", example, flags=re.M)
    named = dict(zip(parts[1::2], parts[2::2], strict=True))
    if parts[0].strip():
        is_steps = parts[0].startswith("- ")
        end = "" if "exit:" in parts[0] else "exit: {on: Left}\n"
        steps = "".join(f"  {line}\n" for line in parts[0].splitlines()) if is_steps else "  - {send: m, via: email}\n"
        named["j.yaml"] = HEAD + end + ("" if is_steps else parts[0]) + "steps:\n" + steps
    return named


def found(code: str, example: str) -> tuple[Finding, ...]:
    files = {"j.yaml": NOT_SHOWN[code]} if code in NOT_SHOWN and "# (" in example else files_of(example)
    return read_library({**FILES, **files}).findings


def test_every_code_has_its_heading_and_every_heading_a_code() -> None:
    headings = re.findall(r"^## (.*)$", PAGE.read_text("utf-8"), re.M)
    assert headings == sorted(CODES)
    assert set(SECTIONS) == CODES


@pytest.mark.parametrize("code", sorted(IN_FILES))
def test_the_wrong_example_is_found_and_the_mended_one_is_not(code: str) -> None:
    severity, wrong, mended = SECTIONS[code]
    findings = found(code, wrong)
    assert [(one.code, one.severity) for one in findings] == [(code, severity.lower())], list(map(str, findings))
    assert found(code, mended) == ()


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_explained(code: str) -> None:
    text = explain(code)
    assert text is not None
    assert text.startswith(f"{code}\n")
    assert "Wrong:" in text
    assert "##" not in text


def test_an_unknown_code_has_no_explanation() -> None:
    assert explain("no-such-code") is None


def test_every_code_is_given_somewhere() -> None:
    root = Path(__file__).parents[2]
    paths = [path for name in ("language", "scripts") for path in root.glob(f"{name}/**/*.py")]
    source = "".join(path.read_text("utf-8") for path in paths if path.name != "finding.py")
    unused = {code for code in CODES if f'"{code}"' not in source}
    assert unused == set()
