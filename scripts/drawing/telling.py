"""What each step says on its card."""

from collections.abc import Iterator, Mapping

from language.message import Message
from language.report import in_words
from language.steps import (
    Branch,
    Call,
    Cascade,
    Coupon,
    InactiveWait,
    Repeat,
    Rest,
    Rung,
    Send,
    Set,
    Split,
    Start,
    Step,
    Task,
    Until,
    Wait,
    WaitFor,
    WindowWait,
)
from scripts.drawing import words
from scripts.drawing.card import Card, Line, make_card
from scripts.drawing.palette import COLOUR_BY_CLASS, ICON_BY_CHANNEL, LOOKS, NAME_BY_CHANNEL, SLATE, UNKNOWN_LOOK

Messages = Mapping[str, Message]


def step_card(step: Step, messages: Messages) -> Card:
    """The card of any step, also of a type that is not known here."""
    head, *details = _said(step)
    texts = [Line(head[:1].upper() + head[1:], "title")]
    texts += [] if step.enabled else [Line("Switched off: passed over")]
    texts += [Line(f"Only if {words.condition(step.when)}")] if step.when is not None else []
    texts += [*_excerpts(step, messages), *map(Line, details)]
    texts += [Line(step.note, "note")] if step.note else []
    return make_card(step.id, _look(step, messages), texts, is_off=not step.enabled)


def classes_of(step: Step, messages: Messages) -> frozenset[str]:
    """The classes of the messages that a step may send."""
    return frozenset(messages[name].class_ for name in step.sends() if name in messages)


def _look(step: Step, messages: Messages) -> tuple[str, str]:
    icon, colour = LOOKS.get(step.verb, UNKNOWN_LOOK)
    for name, channels in step.sends().items():
        colour = COLOUR_BY_CLASS[messages[name].class_] if name in messages else SLATE
        if isinstance(step, Send) and channels:
            icon = ICON_BY_CHANNEL.get(channels[0], icon)
    return icon, colour


def _excerpts(step: Step, messages: Messages) -> Iterator[Line]:
    """The first words of a message, once where its channels say the same."""
    for name, channels in step.sends().items():
        message = messages.get(name)
        texts = [_first_words(message, channel) for channel in channels] if message else []
        yield from (Line(f"“{text}”", "quote") for text in dict.fromkeys(texts) if text)


def _first_words(message: Message, channel: str) -> str:
    part = getattr(message, channel, None)
    names = ("subject", "title", "say")
    text = part if isinstance(part, str) else next((getattr(part, name) for name in names if hasattr(part, name)), "")
    return words.excerpt(text)


def _said(step: Step) -> tuple[str, ...]:
    """The headline, and what is to be said below it."""
    match step:
        case Send():
            channels = [NAME_BY_CHANNEL.get(channel, channel) for channel in step.via]
            return (f"{' + '.join(channels)}: {step.send}", *_validity(step))
        case Cascade():
            return (f"Until one is a success: {step.cascade}", *_rungs(step), *_validity(step))
        case Wait():
            return _waiting(step)
        case WaitFor():
            return _listening(step)
        case Task():
            later = (f"after {words.length(item.after)}: to {item.to}" for item in step.escalate)
            return (f"Task for {step.to}: {step.task}", step.ask or "", *later)
        case Set():
            return ("Remember", *(f"{name}: {words.condition(value)}" for name, value in step.set.items()))
    return _plainly(step)


def _plainly(step: Step) -> tuple[str, ...]:
    match step:
        case Branch():
            return ("Which way?",)
        case Split():
            return (f"Experiment: {step.split}", *_winner(step))
        case Coupon():
            return (f"Take a code: {step.coupon}",)
        case Call():
            return (f"Tell another system: {step.call}",)
        case Start():
            return (f"Also start the journey {step.start}",)
        case Repeat():
            until = (f"over at once on {words.events(step.until)}",) if step.until else ()
            return (f"Repeat {step.title()}" if not step.every else _repeated(step), *until)
        case Rest():
            return ("Wait for the next status",)
    return (in_words(step.model_copy(update={"when": None})),)


def _repeated(step: Repeat) -> str:
    assert step.every is not None
    return f"Repeat {step.repeat} times, every {words.length(step.every).removeprefix('1 ')}"


def _validity(step: Send | Cascade) -> Iterator[str]:
    if step.valid_for is not None:
        yield f"expires after {words.length(step.valid_for)}"


def _rungs(step: Cascade) -> Iterator[str]:
    for number, rung in enumerate(step.via, start=1):
        yield f"{number}. {NAME_BY_CHANNEL[rung.channel]}{_patience(rung)}"
    if step.prefer:
        yield "begins with the customer's preferred channel"


def _patience(rung: Rung) -> str:
    if rung.wait is None:
        return ""
    success = "the goal is reached" if rung.success == "goal" else f"it is {rung.success}"
    return f": next unless {success} within {words.length(rung.wait)}"


def _waiting(step: Wait) -> tuple[str, ...]:
    match step.wait:
        case Until() as until:
            moved = (f"moves with {words.events(until.rearm_on)}",) if until.rearm_on else ()
            return (f"Wait until {words.condition(until.until)}", *moved, *_dates_gone_by(until))
        case WindowWait(window=window):
            return (f"Wait for {window.source}", "in the customer's own time")
        case InactiveWait(inactive=length):
            return (f"Wait for {words.length(length)} of silence", "any activity starts it anew")
        case length:
            return (f"Wait {words.length(length)}",)


def _dates_gone_by(until: Until) -> Iterator[str]:
    past = {"skip": "leave out what hangs on it", "go": "go on at once", "exit": "end as past_date"}[until.past]
    yield f"if it has passed: {past}"
    if until.missing == "exit":
        yield "if there is no date: end as missing_date"
    if until.again_if_moved:
        yield "waits again when the date moves ahead"


def _listening(step: WaitFor) -> tuple[str, ...]:
    arms = step.wait_for
    head = "Wait for what comes first" if len(arms) > 1 else f"Wait for {words.events(arms[:1])}"
    limit = (f"at most {words.length(step.within)}",) if step.within else ()
    reset = (f"the time starts anew on {words.events(step.reset_on)}",) if step.reset_on else ()
    already = ("counts also if it came before",) if step.already else ()
    return (head, *limit, *reset, *already)


def _winner(step: Split) -> Iterator[str]:
    if step.winner:
        yield f"newcomers go to the winner, once {step.winner.confidence * 100:g}% sure"
