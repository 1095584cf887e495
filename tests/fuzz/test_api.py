"""Whatever the API is asked, by whoever may ask it: it answers, and never says that the fault is ours.

Requests, right and wrong ones, are made up from its own OpenAPI document. `API_EXAMPLES=200` asks for more of each."""

import asyncio
import base64
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation

from api.app import create_app
from api.sandbox.signing import as_sendgrid, as_twilio, sandbox_key
from language.customer_pages import CustomerPages, Whose
from language.port import Answer
from language.push_reports import PushReports
from language.tracked_links import Link
from runtime.settings import Settings, load_settings
from runtime.signing import Signer
from store.calls import CallLedger
from store.database import Database
from store.links import new_token, write_links
from store.sandbox import OWN, SandboxAccount, SandboxInbox, SandboxMessage
from store.tasks import Tasks
from tests.activities.calling import order_of
from tests.api.reading import add
from tests.api.telling import EMAIL, PHONE, add_customer, add_sent
from tests.deeds import open_task
from tests.rows import AT
from tests.serving import serving

EXAMPLES = int(os.environ.get("API_EXAMPLES", "3"))
API_KEY, WRITE_KEY, PUBLIC = "the-api-key", "the-write-key", "https://api.example"
INTAKE = ("batch", "import", "track", "identify", "page", "screen", "group", "alias")
Known = dict[str, list[Any]]

ENCRYPTION_KEYS = f"one:{base64.b64encode(bytes(32)).decode()}"
REPORT = PushReports(PUBLIC, Signer.of(load_settings(encryption_keys=ENCRYPTION_KEYS))).ask("4/hello/1/push").token
BROWSER = {"endpoint": "https://fcm.googleapis.com/fcm/send/x", "keys": {"p256dh": "B" * 87, "auth": "A" * 22}}
BODIES: dict[str, list[dict[str, Any]]] = {
    "/v1/calls/replay": [{"destination": "crm_lead"}, {"journey": "\0"}, {"since": "9999-12-31T23:59:59+00:00"}],
    "/v1/customers/{name}/consents": [{"state": "opted_out", "topic": "news"}, {"state": "opted_in", "source": "\0"}],
    "/v1/enrolments": [
        {"journey": "reservation", "customer": "user_id:ana"},
        {"journey": "reservation", "customer": "user_id:ana", "properties": {"flat": "\0"}},
    ],
    "/push/subscriptions": [{"subscription": BROWSER, "userId": "ana"}, {"subscription": BROWSER, "userId": "\0"}],
    "/push/reports": [{"report": REPORT, "event": "opened"}, {"report": REPORT[:-1], "event": "delivered"}],
    "/push/unsubscriptions": [{"subscription": BROWSER, "userId": "ana"}],
    "/sandbox/messages/{id}/{report}": [{"text": "STOP"}, {"text": "\0"}],
}
"""Such as chance hardly makes, by their paths."""


@dataclass(frozen=True)
class Asker:
    """Whoever may ask: has the keys, signs as the sandbox's providers do, and knows some of what there is."""

    address: str
    account: SandboxAccount
    known: Known
    statuses: Counter[int] = field(default_factory=Counter)

    def ask(self, case: Case[Any], changes: dict[str, Any], session: requests.Session) -> requests.Response:
        """`changes`: parameters of the path and the query, by name, whose values are real ones; or such a `body`."""
        case.path_parameters.update({name: it for name, it in changes.items() if name in case.path_parameters})
        case.query.update({name: it for name, it in changes.items() if name in case.query})
        if "body" in changes:
            case.body, case.media_type = changes["body"], "application/json"
        request = session.prepare_request(requests.Request(**case.as_transport_kwargs(self.address)))
        request.headers.update(self._credentials(request))
        answer = session.send(request, allow_redirects=False, timeout=20)
        self.statuses[answer.status_code] += 1
        return answer

    def _credentials(self, request: requests.PreparedRequest) -> dict[str, str]:
        path = (request.url or "").removeprefix(self.address)
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        if path.startswith("/webhooks/twilio"):
            form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
            return as_twilio(self.account.auth_token, PUBLIC + path, form)
        if path.startswith("/webhooks/sendgrid"):
            return as_sendgrid(sandbox_key(self.account), body)
        if path.startswith(("/push", *(f"/v1/{name}" for name in INTAKE))):
            return {"Authorization": f"Basic {base64.b64encode(f'{WRITE_KEY}:'.encode()).decode()}"}
        return {"Authorization": f"Bearer {API_KEY}"}


async def furnish(db: Database, pages: CustomerPages) -> Known:
    """A little of everything that requests can be about, by the names of parameters."""
    customer = await add_customer(db)
    keys = [await add_sent(db, customer, name, provider_id=f"{name}1") for name in ("sms", "email", "voice", "push")]
    channels = [key.rpartition("/")[2] for key in keys]
    shown = [
        SandboxMessage(OWN, f"{channel}1", channel, None, PHONE, None, "", None, {"key": key})
        for key, channel in zip(keys, channels, strict=True)
    ]
    await SandboxInbox(db).add(shown)
    enrolment = int(keys[0].partition("/")[0])
    task = await Tasks(db).open_task(open_task(customer, enrolment))
    call = order_of(customer, enrolment)
    await CallLedger(db).claim(call, now=AT, patience=timedelta())
    await CallLedger(db).settle(call, Answer(verdict="refused"), now=AT)
    token = new_token()
    async with db.pool.acquire() as connection:
        await write_links(connection, keys[0], [Link("", token, "https://shop.example/ü")], AT)
    consent = await add(
        db, "consents", customer_id=customer, channel="email", topic="news", state="pending", source="api", at=AT
    )
    await add(db, "suppressions", channel="email", address=EMAIL, reason="bounced", source="provider", at=AT)
    whose = Whose(customer, "email", "news", "hello", consent)
    of_pages = [pages.token(purpose, whose) for purpose in ("unsubscribe", "preferences", "confirm")]
    huge = [0, -1, 2**31, 2**63, 10**30]
    return {
        "name": [str(customer), "user_id:ana", "ana", PHONE, "\0"],
        "customer": [str(customer), "user_id:ana", str(2**63), "\0"],
        "enrolment_id": [enrolment, *huge],
        "enrolment": [enrolment, *huge],
        "task_id": [task.result["task_id"], *huge],
        "id": [1, 2, 3, 4, *huge],
        "after": huge,
        "before": huge,
        "key": [*keys, call.key, "%00"],
        "journey": ["reservation", "\0"],
        "token": [token, *of_pages],
        "channel": ["email", "sms"],
        "report": ["opened", "clicked", "answered", "delivered", "bounced", "failed", "reply"],
    }


def settings_of(database_url: str) -> Settings:
    """Of a developer's machine: the sandbox plays the providers. Web push and the codec have their keys."""
    secret = base64.urlsafe_b64encode(bytes(range(32))).decode()
    return Settings.model_validate(
        {
            "database_url": database_url,
            "write_keys": f"backend:{WRITE_KEY}",
            "api_keys": API_KEY,
            "public_url": PUBLIC,
            "temporal_address": "127.0.0.1:1",
            "encryption_keys": ENCRYPTION_KEYS,
            "vapid_private_key": secret.rstrip("="),
            "vapid_subject": "mailto:ops@example.com",
            "web_push_url": "http://127.0.0.1:1",
        }
    )


def operations(app: FastAPI) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    for found in schemathesis.openapi.from_dict(app.openapi()).get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def faults(operation: APIOperation[Any, Any, Any, Any], asker: Asker) -> list[str]:
    """What the API says about our requests that it may never say; only the first that is found."""
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))
    named = {name: st.sampled_from(values) for name, values in asker.known.items()}
    if operation.path in BODIES and operation.method == "post":
        named["body"] = st.sampled_from(BODIES[operation.path])
    found: list[str] = []

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), report_multiple_bugs=False)
    @given(cases, st.fixed_dictionaries({}, optional=named))
    def ask(case: Case[Any], changes: dict[str, Any]) -> None:
        if not found:
            answer = asker.ask(case, changes, session)
            if answer.status_code >= 500:
                found.append(f"{answer.status_code} {case.as_curl_command()} {changes}")

    with requests.Session() as session:
        ask()
    return found


# The application, in its own thread, has waits of random length; Hypothesis takes them for those of the examples.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
async def test_no_request_is_our_fault(db: Database, database_url: str) -> None:
    given_settings = settings_of(database_url)
    known = await furnish(db, CustomerPages(PUBLIC, Signer.of(given_settings)))
    app = create_app(given_settings)
    async with serving(app) as address:
        asker = Asker(address, SandboxAccount.of(database_url), known)
        found: list[str] = []
        for operation in operations(app):
            # Temporal is away, and that is what /readyz says.
            if operation.path != "/readyz":
                found += await asyncio.to_thread(faults, operation, asker)
    assert found == []
    assert asker.statuses[200] > asker.statuses.total() / 4, asker.statuses
