"""The cookbook of conditions: every recipe is accepted by the checker and gives something to a customer."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from ruamel.yaml import YAML

from language.expression import Expression
from language.library import read_library
from tests.journeys.test_documentation import AROUND, BEFORE, DOCS, HEAD


def recipes() -> Iterator[tuple[str, bool]]:
    """The expressions of the cookbook, and whether each is a condition."""
    cookbook = (DOCS / "conditions.md").read_text("utf-8").partition("## Cookbook")[2].partition("## What to mind")[0]
    conditions, _, values = cookbook.partition("Values, as for")
    for part in (conditions, values):
        for row in re.findall(r"^\| [^|]+ \| (`.*`) \|$", part, re.MULTILINE):
            yield from ((source.replace("\\|", "|"), part is conditions) for source in re.findall("`([^`]+)`", row))


RECIPES = tuple(recipes())
COOKED_IN = """journey: example
title: Example
start: {on: Trial Started}
exit: {on: Trial Cancelled}
steps:
  - {id: offer, send: trial_welcome, via: email}
  - {task: qualify, to: sales, within: 1d, results: {hot: [], cold: [stop: cold]}}
  - {wait_for: Quiz Finished, within: 1d}
  - repeat: 3
    every: 1d
    do:
"""
KITCHEN: dict[str, Any] = YAML(typ="safe", pure=True).load("""
event: {to: bought, score: 8, flat: "12"}
start:
  {price: 150, discount: 20, code: VIP-1, flat: "12", expires_at: "2026-01-14T06:00:00Z",
  items: [{price: 120, in_stock: true}, {price: 3, in_stock: true}]}
profile:
  {city: Kyiv, segment: A, vip: true, phone: "+5511987654321", newsletter: true, first_name: Ana,
  email: ana@example.com.br, interests: [loft], seen_at: "2026-01-05T06:00:00Z"}
steps: {task_qualify: {result: hot}, offer: {outcome: sent, email: {status: clicked}}}
journeys: {trial: {active: false, outcome: converted}}
repeat: {index: 2}
""")
NOW = datetime(2026, 1, 8, 6, tzinfo=UTC)


@pytest.mark.parametrize(("source", "is_condition"), RECIPES, ids=[source for source, _ in RECIPES])
def test_a_recipe_of_the_cookbook_is_accepted_and_gives_what_it_is_for(source: str, is_condition: bool) -> None:
    use = f"send: last_call, when: {quoted(source)}" if is_condition else f"set: {{cooked: {quoted(source)}}}"
    trial = HEAD.replace("example", "trial") + BEFORE
    around = {**AROUND, "j/trial.yaml": trial, "j/example.yaml": f"{COOKED_IN}      - {{{use}}}\n"}
    around["j/messages/last_call.yaml"] = "message: last_call\nclass: service\nvoice: {say: Hello}\n"
    assert [finding for finding in read_library(around).findings if finding.file == "j/example.yaml"] == []
    value = Expression(source).evaluate({**KITCHEN, "now": NOW})
    assert isinstance(value, bool) if is_condition else value is not None


def quoted(source: str) -> str:
    return "'" + source.replace("'", "''") + "'"


def test_the_cookbook_is_full() -> None:
    assert len(RECIPES) >= 40
