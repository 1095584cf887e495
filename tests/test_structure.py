"""Rules of structure that no linter knows: who may import whom, what journeys may not touch, what nothing may name."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("language", "store", "workflows", "activities", "api", "worker", "runtime", "scripts", "harness", "tests")

# What a package may import besides itself and what is not ours. A package stands for all that is in it.
MAY_IMPORT = {
    "language": (),
    "store": ("language",),
    "activities": ("language",),
    "workflows": ("language", "activities.payload", "activities.policy"),
    "runtime": (),
    "api": ("language", "store", "workflows.client", "workflows.payload", "runtime"),
    "worker": ("language", "store", "activities", "workflows", "runtime"),
    "scripts": OURS,
    "harness": tuple(package for package in OURS if package != "tests"),
    "tests": OURS,
}

# A replay must come to the same decisions, so nothing here may ask the machine for anything.
PURE = ("language", "workflows")
IMPURE_MODULES = (
    "concurrent",
    "http",
    "httpx",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "requests",
    "secrets",
    "shutil",
    "socket",
    "sqlalchemy",
    "sqlmodel",
    "structlog",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "uuid",
)
IN_MEMORY = ("io.StringIO", "pathlib.PurePosixPath")
IMPURE_CALL = re.compile(r"^(open|input|print|exec|eval)$|\b(datetime\.(now|utcnow|today)|date\.today)$")

VAGUE_NAMES = ("utils", "helpers", "common", "core", "base", "manager", "handler", "service")

# Put together here, so that this file does not name them itself.
REGISTRIES = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "yarnpkg" + ".com",
    "crates" + ".io",
    "proxy." + "golang.org",
    "artifact" + "ory",
)
# A path of somebody's machine. Containers' paths are no machine's.
MACHINE_PATH = re.compile(r"(?<![\w.$}/~-])/(?:work|home|Users|root|mnt|private)/[\w.-]+")


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports, also inside functions and under TYPE_CHECKING."""
    for item in ast.walk(ast.parse(path.read_text())):
        if isinstance(item, ast.Import):
            yield from ((item.lineno, name.name) for name in item.names)
        elif isinstance(item, ast.ImportFrom) and item.module:
            yield from ((item.lineno, f"{item.module}.{name.name}") for name in item.names)


def is_within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def called(path: Path) -> Iterator[tuple[int, str]]:
    """Line and source text of whatever a file calls: `open`, `datetime.now`."""
    for item in ast.walk(ast.parse(path.read_text())):
        if isinstance(item, ast.Call):
            yield item.lineno, ast.unparse(item.func)


def project_files() -> list[Path]:
    """What belongs to the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def found_in_project(pattern: re.Pattern[str]) -> list[str]:
    """`file:line: what` for each place of the project that the pattern fits; binary files have none."""
    found: list[str] = []
    for path in project_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        name = path.relative_to(ROOT)
        found += [f"{name}:{text.count(chr(10), 0, at.start()) + 1}: {at.group()}" for at in pattern.finditer(text)]
    return found


def test_every_package_is_judged() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert packages == set(MAY_IMPORT) == set(OURS)


@pytest.mark.parametrize("package", OURS)
def test_imports_go_only_where_they_may(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(package)
        for line, name in imported(path)
        if is_within(name, OURS) and not is_within(name, (package, *MAY_IMPORT[package]))
    ]

    assert not wrong, f"{package} may import {MAY_IMPORT[package] or 'nothing of ours'}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("package", PURE)
def test_what_is_replayed_imports_nothing_of_the_machine(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(package)
        if path.name != "client.py"  # the API's door to Temporal runs outside workflows
        for line, name in imported(path)
        if is_within(name, IMPURE_MODULES) and name not in IN_MEMORY
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PURE)
def test_what_is_replayed_asks_neither_clock_nor_disk(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} calls {name}"
        for path in modules(package)
        for line, name in called(path)
        if IMPURE_CALL.search(name)
    ]

    assert not wrong, "\n".join(wrong)


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [
        str(path.relative_to(ROOT))
        for package in OURS
        for path in (ROOT / package).rglob("*")
        if path.suffix in ("", ".py") and path.stem in VAGUE_NAMES
    ]

    assert not vague


def test_nothing_names_a_package_registry() -> None:
    """Where packages come from is the installing machine's choice."""
    hosts = re.compile("|".join(map(re.escape, REGISTRIES)), re.IGNORECASE)

    assert not found_in_project(hosts)


def test_nothing_names_a_path_of_somebodys_machine() -> None:
    assert not found_in_project(MACHINE_PATH)
