"""Where customers say what they want to hear of. The link is the right: no login, no cookie; looking changes nothing,
for programs look into mails before people do."""

from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from api.parts import Parts
from api.preference_page import HEADERS, Leaving, confirm_page, not_found_page, preference_page, told_page
from api.preference_words import words_for
from api.provided import App
from language.consent import EVERY_TOPIC
from language.customer_pages import Purpose, Whose
from language.policy import Policy
from language.preferences import Cell, Choices
from store.consents import ConsentStanding, Said, Wish, read_consents, write_consents
from store.policies import PolicyShelf
from store.reading_customers import CustomerName, CustomerRecord, find_customer

LONGEST_FORM = 100_000
MOST_FIELDS = 2_000
PAGE, ONE_CLICK, CONFIRMED = "preference page", "one-click", "confirmation page"

HTML = {"text/html": {"schema": {"type": "string"}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": HTML, "description": "The page."},
    404: {"content": HTML, "description": "The link is none of ours."},
}
_FIELDS = {
    "type": "object",
    "properties": {
        "do": {"type": "string", "description": "`save` or `everything_off`"},
        "on": {"type": "array", "items": {"type": "string"}},
        "shown": {"type": "array", "items": {"type": "string"}},
        "again": {"type": "array", "items": {"type": "string"}},
    },
}
_FORM = {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": _FIELDS}}}}

router = APIRouter(tags=["preferences"], default_response_class=HTMLResponse, responses=_ANSWERS)


@dataclass(frozen=True, slots=True)
class Visit:
    """A customer at a page of theirs. `whose` is what the link says; `browser` the language their browser asks for."""

    parts: Parts
    whose: Whose
    customer: CustomerRecord
    policy: Policy
    standing: ConsentStanding
    browser: str | None = None

    @property
    def locale(self) -> str | None:
        return self.customer.locale or self.browser

    @property
    def choices(self) -> Choices:
        pending = ((one.channel, one.topic) for one in self.standing.pending)
        return Choices.of(self.policy, self.customer.traits, self.standing.consents, pending)

    def way(self, purpose: Purpose) -> str:
        """To a page of the customer's from any other, whatever a proxy has before them."""
        return f"../{purpose}/{self.parts.pages.token(purpose, self.whose)}"

    @property
    def leaving(self) -> Leaving | None:
        """What the message was about, unless that is off already."""
        topic, channel, choices = self.whose.topic, self.whose.channel, self.choices
        if topic is None or channel is None or not choices.is_wanted(topic, channel):
            return None
        return Leaving(self.title(topic), channel, self.way("unsubscribe"))

    def page(self, said: str | None = None, leaving: Leaving | None = None) -> HTMLResponse:
        locale, action = self.locale, self.way("preferences")
        text = preference_page(locale, self.choices, action=action, said=said, leaving=leaving)
        return HTMLResponse(text, headers=HEADERS)

    def title(self, topic: str | None) -> str:
        known = self.policy.topics.get(topic or "")
        return known.words(self.locale).title if known else (topic or "")

    async def write(self, wishes: list[Wish], source: str, *, is_confirmed: bool = False) -> "Visit":
        """The same visit with these words in the ledger."""
        parts, evidence = self.parts, f"link of the message {self.whose.message}" if self.whose.message else None
        said = Said(source, evidence, is_confirmed=is_confirmed)
        confirmed = self.policy.confirmed_topics
        await write_consents(parts.db, parts.clock, self.customer.id, wishes, said, to_confirm=confirmed)
        parts.teller.wake()
        standing = await read_consents(parts.db, self.customer.family)
        return replace(self, standing=standing)


def _visit(purpose: Purpose) -> Any:
    """A dependency: the visit that the link allows; None: it allows none."""

    async def visit(token: str, app: App, request: Request) -> Visit | None:
        whose = app.pages.read(purpose, token)
        customer = await find_customer(app.db, CustomerName(None, str(whose.customer_id))) if whose else None
        if whose is None or customer is None:
            return None
        policy = await PolicyShelf(app.db).policy()
        browser = request.headers.get("accept-language", "").partition(",")[0].partition(";")[0].strip()
        return Visit(app, whose, customer, policy, await read_consents(app.db, customer.family), browser or None)

    return Depends(visit)


AtPreferences = Annotated[Visit | None, _visit("preferences")]
AtUnsubscribe = Annotated[Visit | None, _visit("unsubscribe")]
AtConfirm = Annotated[Visit | None, _visit("confirm")]


@router.get("/preferences/{token}", summary="A customer's preference page")
async def show_preferences(visit: AtPreferences) -> HTMLResponse:
    """Topics by channels, as they stand."""
    return visit.page() if visit else _nobody()


@router.post("/preferences/{token}", summary="Save a customer's preferences", openapi_extra=_FORM)
async def save_preferences(visit: AtPreferences, request: Request) -> HTMLResponse:
    """Of the boxes that were shown those that are on; `do=everything_off` for none of anything."""
    if visit is None:
        return _nobody()
    words = words_for(visit.locale)
    wishes = _wishes(visit.choices, await _form(request))
    if wishes is None:
        return (await visit.write([Wish(None, EVERY_TOPIC, "opted_out")], PAGE)).page(words.all_off)
    return (await visit.write(wishes, PAGE)).page(words.saved)


@router.get("/unsubscribe/{token}", summary="Where a message's unsubscribe link leads")
async def show_unsubscribe(visit: AtUnsubscribe) -> HTMLResponse:
    """The preference page, with a button to leave what the message was about. Nothing changes yet."""
    return visit.page(leaving=visit.leaving) if visit else _nobody()


@router.post("/unsubscribe/{token}", summary="Unsubscribe by one click (RFC 8058)")
async def unsubscribe(visit: AtUnsubscribe) -> HTMLResponse:
    """At once, from the message's topic by its channel; again, nothing changes. Mail programs call it by themselves."""
    if visit is None:
        return _nobody()
    whose, words = visit.whose, words_for(visit.locale)
    if whose.topic is None or whose.channel is None:
        return visit.page()
    after = await visit.write([Wish(whose.channel, whose.topic, "opted_out")], ONE_CLICK)
    return after.page(words.left.format(visit.title(whose.topic), words.channel(whose.channel)))


@router.get("/confirm/{token}", summary="Where a consent is confirmed")
async def show_confirm(visit: AtConfirm) -> HTMLResponse:
    """A page with one button."""
    if visit is None:
        return _nobody()
    text = confirm_page(visit.locale, visit.title(visit.whose.topic), action=visit.way("confirm"))
    return HTMLResponse(text, headers=HEADERS)


@router.post("/confirm/{token}", summary="Confirm a consent")
async def confirm(visit: AtConfirm) -> HTMLResponse:
    """What was withdrawn since it was asked for stays so."""
    if visit is None:
        return _nobody()
    whose, words = visit.whose, words_for(visit.locale)
    newest = visit.standing.newest(whose.channel, whose.topic)
    if newest is None or newest.state == "opted_out":
        return _told(visit, words.withdrawn)
    after = await visit.write([Wish(whose.channel, whose.topic, "opted_in")], CONFIRMED, is_confirmed=True)
    return _told(after, words.confirmed.format(visit.title(whose.topic)))


def _told(visit: Visit, said: str) -> HTMLResponse:
    return HTMLResponse(told_page(visit.locale, said, visit.way("preferences")), headers=HEADERS)


def _nobody() -> HTMLResponse:
    return HTMLResponse(not_found_page(), status_code=404, headers=HEADERS)


async def _form(request: Request) -> list[tuple[str, str]]:
    """The fields; none of a body that no page of ours sends."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            return []
    try:
        return parse_qsl(body.decode(), max_num_fields=MOST_FIELDS)
    except ValueError:
        return []


def _wishes(choices: Choices, fields: list[tuple[str, str]]) -> list[Wish] | None:
    """What the form asks for; None: everything off."""
    if ("do", "everything_off") in fields:
        return None
    cells = {f"{cell.topic}.{cell.channel}": cell for cell in choices.shown}
    again = [channel for channel in choices.channels if ("again", channel) in fields]
    words = choices.saving(_named("on", fields, cells), _named("shown", fields, cells), again)
    return [Wish(*word) for word in words]


def _named(field: str, fields: list[tuple[str, str]], cells: dict[str, Cell]) -> set[Cell]:
    return {cells[value] for name, value in fields if name == field and value in cells}
