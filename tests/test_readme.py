"""What README.md and docs/ show is true: their commands, files, journeys and settings."""

import asyncio
import json
import re
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from language.comparison import compare
from language.library import Library, read_library
from language.simulator import simulate
from runtime.settings import PREFIX, Settings
from scripts.cli import app
from tests.runtime.test_up import address, start

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXT_BY_PAGE = {page.relative_to(ROOT).as_posix(): page.read_text() for page in PAGES}
STARTED = TEXT_BY_PAGE["docs/getting-started.md"]
COMMANDS = sorted({line for text in TEXT_BY_PAGE.values() for line in re.findall(r"\.venv/bin/sojourn .*", text)})


def examples(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def started_library() -> Library:
    """The files that docs/getting-started.md tells its reader to write."""
    names = re.findall(r"`my-journeys/(\S+\.yaml)`", STARTED)
    return read_library(dict(zip(names, examples(STARTED, "yaml"), strict=True)))


def requests(text: str) -> list[dict[str, Any]]:
    """Each curl command as httpx takes it; keys are left as `$WRITE_KEY` and `$API_KEY`."""
    lines = "\n".join(examples(text, "sh")).replace("\\\n", " ")
    return [_request(shlex.split(line)) for line in re.findall(r"^curl .*?(?=^\w|\n\n|\Z)", lines, re.M | re.S)]


def _request(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"method": "GET", "headers": {}}
    rest = iter(words[1:])
    for word in rest:
        match word:
            case "-u":
                found["auth"] = (next(rest).removesuffix(":"), "")
            case "-H":
                name, _, value = next(rest).partition(": ")
                found["headers"][name] = value
            case "-d":
                found |= {"method": "POST", "content": next(rest)}
            case _:
                found["url"] = word
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_shown_is_understood(command: str) -> None:
    """Its name and options exist; it is asked for help instead of being run."""
    words = shlex.split(command.partition(" > ")[0], comments=True)[1:]
    options = {word for word in words if word.startswith("--")}

    helped = CliRunner().invoke(app, [words[0], "--help"])

    assert helped.exit_code == 0, helped.output
    known = typer.main.get_command(app).commands[words[0]].params  # type: ignore[attr-defined]
    assert options <= {option for parameter in known for option in parameter.opts}


@pytest.mark.parametrize("page", TEXT_BY_PAGE)
def test_a_file_that_is_named_is_there(page: str) -> None:
    text = TEXT_BY_PAGE[page]
    linked = {(ROOT / page).parent / link for link in re.findall(r"\]\((?!http)([\w./-]+)", text)}
    folders = "|".join(path.parent.name for path in ROOT.glob("*/__init__.py"))
    named = {ROOT / name for name in re.findall(rf"`((?:docs|journeys|{folders})/[\w./]*)`", text)}

    missing = [str(path) for path in linked | named if not path.exists()]

    assert not missing


def test_the_checker_and_the_simulator_say_what_the_readme_says() -> None:
    run = CliRunner()

    assert run.invoke(app, ["check", str(ROOT / "journeys")]).exit_code == 0
    assert run.invoke(app, ["simulate", str(ROOT / "journeys" / "scenarios")]).exit_code == 0


def test_the_first_journey_is_right_as_it_is_written() -> None:
    library = started_library()
    (scenario,) = library.scenarios.values()

    assert library.findings == ()
    assert compare(scenario, simulate(library, scenario)) == []


def test_the_journey_of_the_readme_is_right_with_those_messages() -> None:
    names = re.findall(r"`my-journeys/(messages/\S+\.yaml)`", STARTED)
    messages = [example for example in examples(STARTED, "yaml") if example.startswith("message:")]
    (journey,) = examples(README, "yaml")

    assert read_library({"trial.yaml": journey, **dict(zip(names, messages, strict=True))}).findings == ()


async def test_the_test_shown_for_pytest_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (example,) = examples(TEXT_BY_PAGE["docs/testing-journeys.md"], "python")
    namespace: dict[str, Any] = {}

    exec(example, namespace)
    await namespace["test_reservation_is_reminded_the_day_before_it_ends"]()


def test_every_setting_is_explained() -> None:
    text = TEXT_BY_PAGE["docs/operating.md"]

    assert [name for name in Settings.model_fields if f"{name.upper()}`" not in text] == []


def test_no_page_names_a_setting_that_is_none() -> None:
    named = {name for text in TEXT_BY_PAGE.values() for name in re.findall(rf"{PREFIX}(\w+)", text)}

    assert {name.lower() for name in named} <= set(Settings.model_fields)


@pytest.mark.usefixtures("bare_environment")
async def test_what_the_readme_tells_to_do_by_hand_does_it(tmp_path: Path) -> None:
    async with up(tmp_path / "data") as lines, httpx.AsyncClient() as http:
        identify, track, timeline = (_filled(request, lines) for request in requests(README))
        for request in (identify, track):
            answer = await http.request(**request)
            assert (answer.status_code, answer.text) == (200, '{"success":true}')
        sentences = await _told(http, timeline, "E-mail activate_account sent")
        shown = (await http.get(f"{address(lines, 'API')}/sandbox/messages")).text

    assert "Entered account_activation" in sentences
    assert "ana@example.com" in shown


@asynccontextmanager
async def up(data: Path) -> AsyncIterator[list[str]]:
    """`sojourn up`, until Ctrl-C; what it printed."""
    process, lines = await start(data)
    try:
        yield lines
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0


async def _told(http: httpx.AsyncClient, timeline: dict[str, Any], sentence: str) -> list[str]:
    """The sentences of the timeline, once this one is among them."""
    async with asyncio.timeout(60):
        while True:
            told = [entry["sentence"] for entry in (await http.request(**timeline)).json()["items"]]
            if sentence in told:
                return told
            await asyncio.sleep(0.1)


def _filled(request: dict[str, Any], lines: list[str]) -> dict[str, Any]:
    """A request with the address and the keys that `sojourn up` printed."""
    text = json.dumps(request).replace("http://127.0.0.1:8000", address(lines, "API"))
    for name, label in {"$WRITE_KEY": "Write key", "$API_KEY": "API key"}.items():
        text = text.replace(name, next(line.split()[2] for line in lines if line.startswith(label)))
    filled: dict[str, Any] = json.loads(text)
    return filled | ({"auth": tuple(filled["auth"])} if "auth" in filled else {})
