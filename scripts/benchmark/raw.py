"""The baseline's worker, with the product's worker settings: `python -m scripts.benchmark.raw`."""

import asyncio
import os
import signal

import aiohttp
import uvloop
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from scripts.benchmark.raw_workflow import QUEUE, RawWorkflow
from worker.lanes import worker_options
from worker.sandbox import sandboxed


class Poster:
    def __init__(self, sink_url: str, session: aiohttp.ClientSession) -> None:
        self._url = f"{sink_url}/2010-04-01/Accounts/AC{'0' * 32}/Messages.json"
        self._session = session

    @activity.defn
    async def post(self, text: str) -> None:
        fields = {"To": "+15005550001", "From": "+15005550006", "Body": text}
        async with self._session.post(self._url, data=fields) as answer:
            answer.raise_for_status()


async def run() -> None:
    """Until SIGTERM; prints `ready` once it polls."""
    told_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_stop.set)
    client = await Client.connect(os.environ["SOJOURN_TEMPORAL_ADDRESS"])
    async with aiohttp.ClientSession() as session:
        poster = Poster(os.environ["SINK_URL"], session)
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=[RawWorkflow],
            activities=[poster.post],
            workflow_runner=sandboxed(),
            **worker_options(is_embedded=True),
        ):
            print("ready", flush=True)
            await told_to_stop.wait()


if __name__ == "__main__":
    uvloop.run(run())
