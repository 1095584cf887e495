"""Browsers that subscribe to web push, and unsubscribe."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from api.ingest import Success
from api.parcel import unpack
from api.parts import Parts
from api.problem import PROBLEMS, Problem
from api.provided import App
from api.security import WriteKeys, basic_user
from api.segment import Reading, Unreadable
from language.address import NoAddress, subscription
from runtime.settings import Settings
from store.address_words import AddressWord, take_words
from store.suppressions import lift_suppression, list_suppressions

BROWSER = "browser"
"""The source of suppressions that a browser's own word lifts again."""

FOR_ANYBODY = {"Access-Control-Allow-Origin": "*"}
"""Pages of any site may read these answers: they hold nothing that is secret."""


class PushKeyRead(BaseModel):
    """What a browser needs to subscribe."""

    public_key: str = Field(description="`applicationServerKey` of `pushManager.subscribe`.")


class SubscriptionCreate(BaseModel):
    """A browser's subscription; `userId` or `anonymousId` says whose, as in `identify`."""

    subscription: dict[str, Any] = Field(description="`PushSubscription.toJSON()`.")
    userId: str | None = None
    anonymousId: str | None = None
    writeKey: str | None = Field(default=None, description="Unless given as the user name of Basic authorization.")

    @property
    def address(self) -> str:
        """The subscription as messages name it. Raises Problem."""
        try:
            return subscription(self.subscription)
        except NoAddress:
            detail = "It needs `endpoint`, `keys.p256dh` and `keys.auth`."
            raise Problem(422, "That is not a browser's subscription", detail) from None


async def _given(request: Request) -> SubscriptionCreate:
    """The body, whatever type it says it has: pages of other sites can send `text/plain` without asking first."""
    try:
        return SubscriptionCreate.model_validate_json(await unpack(request))
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_input=False)) from None


Given = Annotated[SubscriptionCreate, Depends(_given)]
_CONTENT = {"schema": SubscriptionCreate.model_json_schema()}
_DOCUMENTED = {
    "requestBody": {"required": True, "content": {"application/json": _CONTENT, "text/plain": _CONTENT}},
    "security": [{"writeKey": []}],
}


def push_router(settings: Settings) -> APIRouter:
    """The routes of these settings' key and write keys."""
    router = APIRouter(prefix="/push", tags=["push"], responses=PROBLEMS)
    keys = WriteKeys(key.get_secret_value() for key in settings.write_keys)
    key = public_key(settings.vapid_private_key.get_secret_value()) if settings.vapid_private_key else None

    @router.get("/key", summary="The key that browsers subscribe to")
    async def read_key(response: Response) -> PushKeyRead:
        """Public, as it has to be in every page that asks for notifications."""
        response.headers.update(FOR_ANYBODY)
        if key is None:
            raise Problem(404, "There is no web push here", "SOJOURN_VAPID_PRIVATE_KEY is not set.")
        return PushKeyRead(public_key=key)

    @router.post("/subscriptions", summary="A browser subscribes", openapi_extra=_DOCUMENTED)
    async def subscribe(request: Request, response: Response, given: Given, app: App) -> Success:
        """The customer's `web_push` from now on, by an `identify` like any other."""
        response.headers.update(FOR_ANYBODY)
        await _store(app, given, _source(keys, request, given))
        await _welcome(app, given.address)
        return Success()

    @router.post("/unsubscriptions", summary="A browser unsubscribes", openapi_extra=_DOCUMENTED)
    async def unsubscribe(request: Request, response: Response, given: Given, app: App) -> Success:
        """Nothing more goes to this subscription, whoever has it; another one of the same customer stays."""
        response.headers.update(FOR_ANYBODY)
        _source(keys, request, given)
        gone = AddressWord(uuid4().hex, "web_push", given.address, BROWSER, "", dead="the browser unsubscribed")
        await take_words(app.db, app.clock, [gone])
        return Success()

    return router


def public_key(private_key: str) -> str:
    """Of a VAPID key, both as base64url."""
    secret = int.from_bytes(urlsafe_b64decode(private_key + "=" * (-len(private_key) % 4)))
    point = ec.derive_private_key(secret, ec.SECP256R1()).public_key()
    return urlsafe_b64encode(point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).decode().rstrip("=")


def _source(keys: WriteKeys, request: Request, given: SubscriptionCreate) -> str:
    source = keys.source(basic_user(request.headers.get("authorization")) or given.writeKey)
    if source is None:
        detail = "Give it as the user name of Basic authorization, or as `writeKey` in the body."
        raise Problem(401, "The write key is not known", detail, headers={"WWW-Authenticate": "Basic"})
    return source


async def _store(parts: Parts, given: SubscriptionCreate, source: str) -> None:
    """Returns once it is stored."""
    received_at = None if parts.pace.speed != 1 else parts.clock()
    whose = {"userId": given.userId, "anonymousId": given.anonymousId}
    try:
        event = Reading(source, "identify", received_at).read(
            whose | {"traits": {"web_push": json.loads(given.address)}}
        )
    except Unreadable as error:
        raise Problem(422, "The subscription cannot be stored", f"Of it, {error}.") from None
    await parts.queue.submit([event])


async def _welcome(parts: Parts, address: str) -> None:
    """What the browser itself took back holds again; what its push service has ended stays so."""
    page = await list_suppressions(parts.db, channel="web_push", address=address)
    for found in page.items:
        if found.source == BROWSER and found.lifted_at is None:
            await lift_suppression(parts.db, found.id, at=parts.clock())
