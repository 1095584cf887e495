"""`sojourn why`: what a customer got and did not get, each with its reason and the rule that decided."""

from collections.abc import Iterator
from datetime import datetime

import typer

from api.sentence import spoken
from api.why import MessageWhyRead, WhyRead, explain
from runtime.settings import Settings
from scripts.database import opened
from store.reading_customers import find_customer, parse_name


async def run(settings: Settings, customer: str, message: str | None, *, as_json: bool) -> int:
    """Print it; returns the exit code. `customer` is our id, `user_id:…`, `email:…` or `phone:…`."""
    try:
        name = parse_name(customer)
    except ValueError as error:
        typer.echo(str(error), err=True)
        return 2
    async with opened(settings) as db:
        found = await find_customer(db, name)
        if found is None:
            typer.echo(f"nobody is known as {customer}", err=True)
            return 1
        why = await explain(db, found, message)
    typer.echo(why.model_dump_json(indent=2) if as_json else "\n".join(lines(why)))
    return 0


def lines(why: WhyRead) -> Iterator[str]:
    """As people read it."""
    yield f"Customer {why.customer}, times in {why.time_zone or 'UTC'}"
    yield from _part("Journeys", [(it.at, [it.sentence]) for it in why.journeys], why)
    yield from _part("Messages", [(it.at, list(_message(it, why))) for it in why.messages], why)
    if why.not_tried:
        yield from ("", "Not tried", *(f"  {it.sentence}" for it in why.not_tried))


def _part(title: str, told: list[tuple[datetime, list[str]]], why: WhyRead) -> Iterator[str]:
    yield from ("", title)
    if not told:
        yield "  none"
    for at, (first, *more) in told:
        yield f"  {_clock(at, why)}  {first}"
        yield from (f"      {line}" for line in more)


def _message(message: MessageWhyRead, why: WhyRead) -> Iterator[str]:
    yield message.sentence
    if message.rule is not None:
        yield f"rule: {message.rule_words} ({message.rule})"
    if message.next_possible_at is not None:
        what = "decided about again" if message.verdict == "held" else "next possible"
        yield f"{what}: {_clock(message.next_possible_at, why)}"
    yield f"journey {message.journey}, step {message.step}: {message.key}"
    for report in message.reports:
        yield f"{_clock(report.at, why)}  {report.sentence}"


def _clock(moment: datetime, why: WhyRead) -> str:
    """With its year, in the customer's zone: `Sun 1 Mar 2026 12:00`."""
    return spoken(moment, datetime.min.replace(year=1900, tzinfo=moment.tzinfo), why.time_zone).rsplit(" ", 1)[0]
