"""Every example in the documentation of the language is what the language accepts, and does what the text says."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from language.finding import Finding
from language.library import Library, read_library
from language.message_event import EVENTS
from language.scenario import Scenario
from language.simulator import simulate
from language.steps import step_classes

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("language.md", "steps.md", "conditions.md", "messages.md", "policy.md", "calls.md")
HEAD = "journey: example\ntitle: Example\nstart:\n  - on: Trial Started\nexit:\n  - on: Trial Cancelled\ngoal: {on: Bought}\nsteps:\n"
BEFORE = "  - {id: offer, send: trial_welcome, via: email}\n  - {id: after_offer, wait: 1d}\n"
TEXTS: Mapping[str, Any] = {
    "email": {"subject": "Hello", "body": "Hello"},
    "sms": "Hello",
    "whatsapp": {"content_sid": f"HX{'0' * 32}"},
    "voice": {"say": "Hello"},
    "push": {"title": "Hello", "body": "Hello"},
    "web_push": {"title": "Hello", "body": "Hello"},
}
"""The shortest text of each channel."""

FOLDERS = {"journey": "", "message": "messages/", "scenario": "scenarios/"}
SINGLE = {"destinations": "destinations.yaml", "quiet_hours": "policy.yaml"}


class Example(NamedTuple):
    """A block of YAML in a page."""

    page: str
    text: str

    @property
    def kind(self) -> str:
        return self.text.split(":", 1)[0]

    @property
    def name(self) -> str:
        return self.text.split("\n", 1)[0].partition(": ")[2].partition("#")[0].strip()


def examples() -> Iterator[Example]:
    for page in PAGES:
        for text in re.findall(r"^```yaml\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL):
            yield Example(page, text)


EXAMPLES = tuple(examples())


def named(data: Any) -> Iterator[tuple[str, str, Any]]:
    """What steps name: (verb, name, the step)."""
    if isinstance(data, dict):
        for verb in ("send", "cascade", "call", "start"):
            if isinstance(data.get(verb), str):
                yield verb, data[verb], data
    for inner in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from named(inner)


def surroundings() -> dict[str, str]:
    """The messages, destinations and journeys that the examples name, and that no example is."""
    parsed = [YAML(typ="safe", pure=True).load(example.text) for example in EXAMPLES if example.kind != "scenario"]
    found = [*(part for data in parsed for part in named(data)), ("send", "trial_welcome", {"via": "email"})]
    values: dict[str, set[str]] = {}
    for verb, name, step in found:
        if verb in ("send", "cascade"):
            values.setdefault(name, set()).update(step.get("with", {}))
    files = {f"j/messages/{name}.yaml": message(name, names) for name, names in values.items()}
    for name in ("activate_account", "activate_reminder", "last_touch"):
        files[f"j/messages/{name}.yaml"] = message(name, set())
    calls = "".join(f"  {name}: {{url: https://example.com}}\n" for verb, name, _ in found if verb == "call")
    files["j/destinations.yaml"] = "destinations:\n" + "".join(sorted(set(calls.splitlines(keepends=True))))
    for verb, name, _ in found:
        if verb == "start":
            files[f"j/{name}.yaml"] = HEAD.replace("example", name).replace("on: Trial Started", "call: true") + BEFORE
    files["j/account_activation.yaml"] = HEAD.replace("example", "account_activation") + BEFORE
    return files


def message(name: str, values: set[str]) -> str:
    shown = "".join(f" {{{{ {value} }}}}" for value in sorted(values))
    texts = {**TEXTS, "sms": f"Hello{shown}", "email": {"subject": "Hello", "body": f"Hello{shown}"}}
    lines = "".join(f"{channel}: {text!r}\n" for channel, text in texts.items())
    return f"message: {name}\nclass: service\n{lines}"


AROUND = surroundings()


def library(example: Example) -> Library:
    """A directory with one example in it, and all that it names."""
    files = dict(AROUND)
    if example.kind.startswith("- "):
        files["j/example.yaml"] = HEAD + BEFORE + "".join(f"  {line}\n" for line in example.text.splitlines())
    elif example.kind in SINGLE:
        files[f"j/{SINGLE[example.kind]}"] = example.text
    else:
        files[f"j/{FOLDERS[example.kind]}{example.name.partition(' ')[0]}.yaml"] = example.text
    return read_library(files)


def findings(example: Example) -> tuple[Finding, ...]:
    return library(example).findings


def test_there_are_examples_of_every_kind_and_of_every_step() -> None:
    kinds = {example.kind for example in EXAMPLES}
    assert {"journey", "message", "scenario", "destinations", "quiet_hours"} <= kinds
    verbs = set(
        re.findall(r"^(?:- |  )(\w+):", "\n".join(e.text for e in EXAMPLES if e.kind[:2] == "- "), re.MULTILINE)
    )
    assert set(step_classes()) <= verbs


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: f"{example.page}: {example.text.split(chr(10), 1)[0]}"
)
def test_an_example_is_accepted(example: Example) -> None:
    assert findings(example) == ()


def test_every_field_of_every_step_is_explained() -> None:
    page = (DOCS / "steps.md").read_text("utf-8")
    shared = page.partition("## send")[0]
    for verb, step in step_classes().items():
        section = page.partition(f"\n## {verb}\n")[2].partition("\n## ")[0]
        assert section, f"{verb} has no section"
        for name, field in step.model_fields.items():
            written = field.alias or name
            assert f"`{written}" in section or written == verb or f"`{written}" in shared, f"{verb}.{written}"


def test_every_event_about_a_message_is_named() -> None:
    page = (DOCS / "steps.md").read_text("utf-8")
    assert {name for name in EVENTS if f"`{name}`" not in page} == set()
