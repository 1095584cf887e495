"""Having messages sent and other things done: tried again until each is decided, ready anew before every try."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from language.context import Context, SendOrder
from language.control_group import is_held_out
from language.port import Answer, Deed, Receipt, SendMessage
from language.request import deed_request, send_request
from language.run import Run
from language.waiting import get_ready

_NOT_YET = frozenset({"held", "behind", "paused", "closed"})


async def send(run: Run, ctx: Context, order: SendOrder) -> Mapping[str, Mapping[str, Any]]:
    """All channels at the same moment, in rounds, until each message is decided."""
    done: dict[str, dict[str, Any]] = ctx.remember("receipts", dict)
    while left := [channel for channel in order.channels if channel not in done]:
        await get_ready(run, ctx)
        seen_seq = run.state.seen_seq
        held_out = await is_held_out(run, ctx)
        if order.unless is not None and await order.unless():
            done.update({channel: {"status": "cancelled"} for channel in left})
            break
        if run.state.seen_seq != seen_seq:
            continue  # a claim would pass for what was seen meanwhile
        messages = [send_request(run, order, channel, is_held_out=held_out) for channel in left]
        receipts = await asyncio.gather(*(run.port.send(message) for message in messages))
        retries = [await _settle(run, *pair, done) for pair in zip(messages, receipts, strict=True)]
        waits = [at for channel, at in zip(left, retries, strict=True) if channel not in done]
        if waits and None not in waits:
            await ctx.sleep(min(at for at in waits if at), listen=order.unless is not None)
    return done


async def _settle(run: Run, message: SendMessage, receipt: Receipt, done: dict[str, Any]) -> datetime | None:
    """Take in a verdict. Returns when to try again; None: at once, or not at all."""
    retry_at = await run.take_verdict(receipt, message.progress)
    if receipt.verdict not in _NOT_YET:
        run.state.last_wait = None
        done[message.channel] = {"status": receipt.verdict, "reason": receipt.reason}
    return retry_at


async def do(run: Run, ctx: Context, deed: type[Deed], what: Mapping[str, Any]) -> Answer:
    """As `Context.do`."""
    while True:
        await get_ready(run, ctx)
        if deed.is_skipped and (reason := run.state.refuse):
            return Answer(verdict="refused", reason=reason)
        wanted = deed_request(run, deed, what)
        answer = await run.port.do(wanted)
        retry_at = await run.take_verdict(answer, wanted.progress)
        if answer.verdict in ("done", "refused"):
            run.state.last_wait = None
            return answer
        if retry_at is not None:
            await ctx.sleep(retry_at)
