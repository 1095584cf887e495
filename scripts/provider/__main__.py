"""`python -m scripts.provider`: the stand-in as a program of its own."""

import argparse
import asyncio
from pathlib import Path

from scripts.provider import Provider


async def serve(port: int, journal: Path | None) -> None:
    provider = await Provider(journal=journal).start(port)
    print(provider.url, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=4300)
    arguments.add_argument("--journal", type=Path, default=None)
    asked = arguments.parse_args()
    asyncio.run(serve(asked.port, asked.journal))


if __name__ == "__main__":
    main()
