"""The JSON Schemas: what they take is what the language takes, as far as form goes, and they explain themselves."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from language.library import read_library
from language.steps import Step, step_classes
from scripts.schema import as_text, run, schemas
from tests.language.mistakes.mistake import Mistake
from tests.language.test_mistakes import FILES, HEAD, MESSAGES, SCENARIO_MISTAKES, STEP

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "journeys").rglob("*.yaml"))
SCHEMAS = schemas()
VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}
STRUCTURAL = frozenset(
    (
        *("bad-name", "bad-type", "bad-value", "empty", "missing-field", "no-verb", "not-a-step", "several-verbs"),
        *("unknown-field", "unknown-step"),
    )
)
"""Codes of faults of form, which an editor can show while somebody types."""

BEYOND_FORM = frozenset(
    (
        *("a single equals", "and in words", "half a condition", "a text of two words", "an open value"),
        *("an unknown filter", "a rung that never ends", "a channel twice", "an endless duration"),
        *("a window backwards", "a strange day", "a crooked moment", "an unknown zone", "out of order", "no zone"),
    )
)
"""Mistakes with such a code that only `sojourn check` sees: inside CEL, Liquid, times and zones."""


def plain(value: Any) -> Any:
    """YAML's data as JSON has it, where every name is a text."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def read(text: str) -> Any:
    return plain(YAML(typ="safe", pure=True).load(text))


def kind_of(path: Path) -> str:
    by_folder = {"messages": "message", "scenarios": "scenario"}.get(path.parent.name)
    return by_folder or (path.stem if path.stem in ("policy", "destinations") else "journey")


def of_form() -> Iterator[Mistake]:
    """Those of form."""
    for mistake in (*HEAD, *STEP, *MESSAGES, *SCENARIO_MISTAKES):
        codes = {finding.code for finding in read_library({**FILES, mistake.file: mistake.text}).findings}
        if codes & STRUCTURAL and mistake.name not in BEYOND_FORM:
            yield mistake


MISTAKES = tuple(of_form())


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_every_shipped_file_is_taken() -> None:
    assert len({kind_of(path) for path in SHIPPED}) == len(SCHEMAS)
    refused = [
        f"{path.name}: {error.message}"
        for path in SHIPPED
        for error in VALIDATORS[kind_of(path)].iter_errors(read(path.read_text("utf-8")))
    ]
    assert refused == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_of_form_is_refused(mistake: Mistake) -> None:
    assert not VALIDATORS[kind_of(Path(mistake.file))].is_valid(read(mistake.text))


def test_mistakes_of_form_are_of_every_kind() -> None:
    assert len(MISTAKES) >= 30
    assert {"journey", "message", "scenario"} == {kind_of(Path(mistake.file)) for mistake in MISTAKES}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_field_is_described(kind: str) -> None:
    parts = {kind: SCHEMAS[kind], **SCHEMAS[kind].get("$defs", {})}
    silent = [name for name, part in parts.items() if "description" not in part]
    for name, part in parts.items():
        silent += [f"{name}.{field}" for field, it in part.get("properties", {}).items() if "description" not in it]
    assert silent == []


@pytest.mark.parametrize("verb", step_classes())
def test_a_step_begins_with_its_verb_and_has_an_example_that_is_taken(verb: str) -> None:
    step = SCHEMAS["journey"]["$defs"][f"step_{verb}"]
    assert next(iter(step["properties"])) == verb
    assert verb in step["required"]
    assert step["examples"]
    for example in step["examples"]:
        read_step = step_classes()[verb].model_validate(example)
        assert isinstance(read_step, Step)
        journey = {"journey": "j", "start": {"on": "Go"}, "steps": [example]}
        assert list(VALIDATORS["journey"].iter_errors(journey)) == []


def test_the_head_and_the_step_that_are_both_named_start_are_told_apart() -> None:
    definitions = SCHEMAS["journey"]["$defs"]
    assert "every" in definitions["Start"]["properties"]
    assert "every" not in definitions["step_start"]["properties"]


def test_every_kind_of_message_has_an_example_that_is_taken() -> None:
    for channel in ("email", "sms", "whatsapp", "voice", "push", "web_push"):
        examples = SCHEMAS["message"]["properties"][channel]["examples"]
        assert examples
        for example in examples:
            message = {"message": "m", "class": "service", channel: example}
            assert list(VALIDATORS["message"].iter_errors(message)) == []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_what_stands_in_the_documentation_is_current(kind: str) -> None:
    file = ROOT / "docs" / "schemas" / f"{kind}.json"
    assert file.read_text("utf-8") == as_text(SCHEMAS[kind]), "run: .venv/bin/sojourn schema --output docs/schemas"


def test_the_settings_for_an_editor_that_are_shown_are_this_repositorys() -> None:
    shown = re.search(r"^```json\n(.*?)^```", (ROOT / "docs" / "language.md").read_text("utf-8"), re.M | re.S)
    settings = json.loads((ROOT / ".vscode" / "settings.json").read_text("utf-8"))
    assert shown is not None
    assert json.loads(shown[1]) == settings
    assert {Path(schema).stem for schema in settings["yaml.schemas"]} == set(SCHEMAS)
    assert all((ROOT / schema).is_file() for schema in settings["yaml.schemas"])


def test_they_are_written_to_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(output=tmp_path / "schemas") == 0
    assert sorted(path.stem for path in (tmp_path / "schemas").iterdir()) == sorted(SCHEMAS)
    assert json.loads((tmp_path / "schemas" / "policy.json").read_text("utf-8")) == SCHEMAS["policy"]
    assert capsys.readouterr().out.count("written: ") == len(SCHEMAS)
