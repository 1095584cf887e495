"""What the head of a journey says: who enters, who leaves, what it is for."""

from collections.abc import Iterator

from language.journey import After, Journey, Start
from scripts.drawing import palette, words
from scripts.drawing.card import Card, Line, make_card


def start_card(journey: Journey) -> Card:
    """How one comes in, and how often."""
    ways = [_start(start) for start in journey.start]
    texts = [Line("Starts with", "title") if len(ways) > 1 else Line(f"Starts: {ways[0][0]}", "title")]
    texts += [Line(f"• {', '.join(way)}") for way in ways] if len(ways) > 1 else [Line(more) for more in ways[0][1:]]
    return make_card("", palette.LOOKS["journey"], [*texts, Line(_again(journey))])


def notes(journey: Journey) -> Iterator[Card]:
    """What holds wherever the customer stands."""
    if journey.goal is not None:
        within = f"within {words.length(journey.goal.within)} of the start" if journey.goal.within else ""
        worth = f"worth {words.condition(journey.goal.value)}" if journey.goal.value else ""
        ends = "ends the journey as converted" if journey.goal.ends else "is counted; the journey goes on"
        texts = [Line(f"Goal: {words.event(journey.goal)}", "title"), *map(Line, (within, worth, ends))]
        yield make_card("goal", (palette.FLAG, palette.GREEN), texts)
    if journey.exit:
        exits = [Line(f"• {words.event(clause)}: {clause.outcome}") for clause in journey.exit]
        yield make_card("exit", (palette.DOOR, palette.PINK), [Line("Leaves at once on", "title"), *exits])
    if rules := tuple(_rules(journey)):
        texts = [Line("Rules", "title"), *(Line(f"• {rule}") for rule in rules)]
        yield make_card("rules", (palette.RULES, palette.SLATE), texts)


def _start(start: Start) -> tuple[str, ...]:
    """What starts it, and on which condition."""
    where = (f"if {words.condition(start.where)}",) if start.where is not None else ()
    if start.on:
        return (words.either("any sign of life" if name == "any_activity" else name for name in start.on), *where)
    if start.date is not None:
        return (
            f"every year on {words.condition(start.date)}",
            f"at {start.at or '09:00'}, the customer's time",
            *where,
        )
    audience = " and ".join(f"{how} {name}" for how, name in (start.audience or {}).items())
    if start.every is not None:
        zone = f"time of {start.time_zone or 'UTC'}"
        return (words.calendar(start.every), zone, *((f"audience: {audience}",) if audience else ()), *where)
    return (f"the customer {audience}" if audience else "another journey or the API", *where)


def _again(journey: Journey) -> str:
    who = f"customer and {words.condition(journey.key)}" if journey.key is not None else "customer"
    match journey.again:
        case After(after=length):
            return f"again {words.length(length)} after the end, per {who}"
        case "never":
            return f"once per {who}"
        case "after_exit":
            return f"again after the end, one at a time per {who}"
    return f"each time anew, one at a time per {who}"


def _rules(journey: Journey) -> Iterator[str]:
    if journey.stage is not None:
        yield f"the stage follows {words.condition(journey.stage.is_)} of {words.either(journey.stage.on)}"
    if journey.control:
        yield f"{journey.control:g}% are held out: measured, never messaged"
    if journey.group:
        yield f"one journey at a time of the group {journey.group}"
        priority = journey.priority if isinstance(journey.priority, int) else words.condition(journey.priority)
        yield f"priority {priority}; when displaced: {journey.when_displaced}"
    if journey.locked:
        yield "cannot be displaced"
