"""Every example in docs/language.md is what the language accepts."""

import re
from pathlib import Path

import pytest

from language.finding import Finding
from language.library import read_library

DOCUMENT = Path(__file__).parents[2] / "docs" / "language.md"
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
HEAD = "journey: example\ntitle: Example\nstart:\n  - on: Trial Started\nexit:\n  - on: Trial Cancelled\nsteps:\n"
TRIAL = "class: service\nemail: {subject: Hello, body: Hello}\nsms: Hello"
OFFER = "  - {id: offer, send: trial_welcome, via: email}\n"


def findings(example: str) -> tuple[Finding, ...]:
    """Those about one example, in a directory that has what it names."""
    messages = ("trial_welcome", "trial_tips", "trial_ends", "activate_account", "activate_reminder", "last_touch")
    files = {f"j/messages/{name}.yaml": f"message: {name}\n{TRIAL}\n" for name in messages}
    files["j/messages/trial_offer.yaml"] = f"message: trial_offer\n{TRIAL} {{{{ code }}}} {{{{ seats }}}}\n"
    files["j/account_activation.yaml"] = HEAD.replace("example", "account_activation") + OFFER
    kind, _, name = example.split("\n", 1)[0].partition(": ")
    if kind.startswith("- "):
        steps = "".join(f"  {line}\n" for line in example.splitlines())
        files["j/example.yaml"] = HEAD + OFFER + steps
    else:
        folder = {"journey": "", "message": "messages/", "scenario": "scenarios/"}[kind]
        files[f"j/{folder}{name.partition(' ')[0]}.yaml"] = example
    return read_library(files).findings


def test_there_are_examples_of_every_kind() -> None:
    kinds = {example.split(":", 1)[0] for example in EXAMPLES}
    assert {"journey", "message", "scenario", "- send", "- wait", "- wait_for", "- branch"} <= kinds


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.split("\n", 1)[0])
def test_an_example_is_accepted(example: str) -> None:
    assert findings(example) == ()
