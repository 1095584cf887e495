"""The `sojourn` command."""


def main() -> None:
    raise SystemExit("not yet")
