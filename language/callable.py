"""What `call:` may name: the destinations of a directory, and the Python functions registered beside it."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence

from language.destinations import Destination, Destinations
from language.faults import fault, raw_steps
from language.finding import Finding
from language.loader import Loaded
from language.source import Path, Source


def destinations_of(files: Sequence[Loaded[Destinations]]) -> dict[str, Destination]:
    """By name, as far as they can be read."""
    readable = (loaded.model or (loaded.sound and loaded.sound.model) for loaded in files)
    return {name: it for model in readable if model for name, it in model.destinations.items()}


def named_in(files: Sequence[Loaded[Destinations]]) -> frozenset[str]:
    """Every name that is given, also to what has faults: calling it is no fault of its own."""
    return frozenset(name for loaded in files for name in _written(loaded))


def _written(loaded: Loaded[Destinations]) -> Collection[str]:
    data = loaded.source.data if loaded.source else None
    inner = data.get("destinations") if isinstance(data, Mapping) else None
    return inner.keys() if isinstance(inner, Mapping) else ()


def destination_faults(files: Sequence[Loaded[Destinations]], functions: Collection[str]) -> Iterator[Finding]:
    """What is wrong with the files themselves, with there being two, and with names that functions have as well."""
    for number, loaded in enumerate(files):
        yield from loaded.findings
        if number and loaded.source:
            what = f"there are destinations in {files[0].file} as well"
            yield fault(loaded.source, (), what, "keep one of the files", "same-id")
        for name in sorted(set(_written(loaded)) & set(functions)):
            assert loaded.source
            what = f"`{name}` is also the name of a registered Python function"
            yield fault(loaded.source, ("destinations", name), what, "rename one of them", "same-id")


def unknown_calls(source: Source, known: Collection[str]) -> Iterator[Finding]:
    """Steps of one journey that call what is nowhere."""
    for path, step in raw_steps(source.data):
        name = step.get("call") if isinstance(step, Mapping) else None
        if isinstance(name, str) and name not in known:
            yield _unknown(source, (*path, "call"), name, known)


def _unknown(source: Source, path: Path, name: str, known: Collection[str]) -> Finding:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    remedy = f"did you mean `{close[0]}`?" if close else "name it in destinations.yaml, or register a Python function"
    return fault(source, path, f"there is no destination `{name}`", remedy, "unknown-destination")
