"""How a run waits: for a moment or for something to act on, and while it is paused for a person."""

from datetime import datetime

from language.context import Context, Woke
from language.detour import Moved, attend
from language.duration import LONGEST
from language.run import Run


async def sleep(run: Run, ctx: Context, until: datetime | None, *, listen: bool, rearm: bool) -> Woke:
    """As `Context.sleep`. Before anything is late, PostgreSQL is asked once more for what may not have arrived."""
    _begin(run, until)
    may_be_late = listen or rearm
    while (woke := await _reason(run, ctx, listen, rearm)) is None:
        if run.state.unwritten or run.inbox.is_stirred:
            await run.write()
        elif until is None or run.now < until:
            run.state.refuse = None
            await run.port.sleep(until and min(until, run.now + LONGEST), lambda: _wakes(run, listen, rearm))
            run.inquiry.forget()
        elif may_be_late:
            may_be_late = False
            await run.write()
        else:
            return Woke.DUE
    return woke


def _begin(run: Run, until: datetime | None) -> None:
    run.inquiry.forget()
    if until != run.state.waits_until or not run.is_wait_shown:
        run.state.waits_until = until
        run.is_wait_shown = True
        run.journal.note(run.now)
        run.show()


async def _reason(run: Run, ctx: Context, listen: bool, rearm: bool) -> Woke | None:
    await attend(run, ctx)
    if run.inbox.is_skipped:
        run.inbox.is_skipped = False
        return Woke.SKIPPED
    if rearm and run.inbox.is_rearmed:
        run.inbox.is_rearmed = False
        return Woke.REARMED
    if listen and run.news.is_fresh:
        run.news.is_fresh = False
        return Woke.NEWS
    return None


def _wakes(run: Run, listen: bool, rearm: bool) -> bool:
    if run.inbox.is_stirred or run.state.may_have_moved:
        return True
    return (rearm and run.inbox.is_rearmed) or (listen and run.news.is_fresh)


async def get_ready(run: Run, ctx: Context) -> None:
    """Before anything is done in the world: all that came is acted on, and nobody has paused it."""
    await attend(run, ctx)
    while run.state.is_paused:
        if reason := await resumption(run, ctx):
            run.state.refuse = reason
        await attend(run, ctx)


async def resumption(run: Run, ctx: Context) -> str | None:
    """Wait until a person resumes; then what `on_resume` says: None to go on, or a reason not to send."""
    state, inbox = run.state, run.inbox
    run.show()
    while state.is_paused:
        await attend(run, ctx)
        if state.unwritten or inbox.is_stirred:
            inbox.is_skipped = False
            await run.write()
        else:
            await run.port.sleep(None, lambda: inbox.is_stirred or not state.is_paused)
            run.inquiry.forget()
    run.stop_if_ended()
    on_resume = run.program.journey.on_resume
    if on_resume == "replan" and state.last_wait:
        raise Moved(state.last_wait)
    return "it fell due during a pause, and the journey says `on_resume: skip`" if on_resume == "skip" else None
