import asyncio
import os
import sys

from runtime.settings import PREFIX


async def sojourn(database_url: str, *words: str) -> tuple[int | None, str, str]:
    """`sojourn …` in a process of its own: exit code, standard output and error."""
    environment = {**os.environ, f"{PREFIX}DATABASE_URL": database_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", *words, env=environment, stdout=-1, stderr=-1
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
