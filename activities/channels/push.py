"""Notifications in the app through Firebase Cloud Messaging (HTTP v1), which reaches Android and, by APNs, iOS."""

import json
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from activities.channel import Accepted, Ambiguous, Outgoing, Sighting, Unknowable
from activities.channels.fcm_errors import judge
from activities.channels.google_token import GoogleToken, ServiceAccount
from activities.channels.push_door import PushDoor
from activities.channels.web_push import label, lifetime
from language.push_reports import PushReports

KEY = "sojourn_key"
"""The datum of a push that carries its message's key to the app."""

REPORT, REPORT_TO = "sojourn_report", "sojourn_report_to"
"""Those that say what the app can tell of it, and where."""

WAKES_EXTENSION = {"payload": {"aps": {"mutable-content": 1}}}
"""iOS then lets the app's notification service extension run, which can tell that a message has come."""

ROOMY = 3800
"""Bytes of a notification with its data that fit for sure: FCM takes 4096, by a count of its own."""


@dataclass(frozen=True, slots=True)
class FcmAccount:
    """`url` stands in for https://fcm.googleapis.com."""

    service_account: ServiceAccount
    url: str | None = None


class PushChannel:
    """Make it inside the running event loop, once: it keeps its connections; `await close()` ends them.

    `reports` is what apps are asked to tell; None: they cannot reach us.
    """

    name = "push"
    provider = "fcm"
    settle = timedelta(0)

    def __init__(
        self,
        account: FcmAccount,
        *,
        reports: PushReports | None = None,
        call_timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self.sender = account.service_account.project_id
        self.call_timeout = call_timeout
        host = (account.url or "https://fcm.googleapis.com").rstrip("/")
        self._url = f"{host}/v1/projects/{self.sender}/messages:send"
        self._door = PushDoor("fcm")
        self._reports = reports
        self._token = GoogleToken(account.service_account, self._door)

    async def close(self) -> None:
        await self._door.close()

    async def send(self, outgoing: Outgoing, *, within: float) -> Accepted:
        deadline = time.monotonic() + within
        token = await self._token.get(within / 2)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = json.dumps({"message": _message(outgoing, self._reports)}).encode()
        left = max(deadline - time.monotonic(), 0.0)
        answer = await self._door.post(self._url, within=left, data=body, headers=headers)
        if answer.status == 401:
            self._token.forget(token)
        if answer.status != 200:
            raise judge(answer)
        return Accepted(_id(answer.body))

    async def look_up(self, outgoing: Outgoing, *, since: datetime) -> Sighting:
        raise Unknowable("FCM shows nothing of what it took")


def _message(outgoing: Outgoing, reports: PushReports | None) -> dict[str, Any]:
    """Told twice, it is shown once: the later one takes the place of the earlier, by its tag."""
    seconds, tag = lifetime(outgoing), label(outgoing.key)
    shown = {"title": outgoing.subject, "body": outgoing.text}
    data = _data(outgoing, reports, shown)
    is_urgent = outgoing.message_class != "promotional"
    headers = {
        "apns-priority": "10" if is_urgent else "5",
        "apns-expiration": str(int(time.time()) + seconds),
        "apns-collapse-id": tag,
    }
    return {
        "token": outgoing.recipient,
        "notification": shown,
        "data": data,
        "android": {"priority": "HIGH" if is_urgent else "NORMAL", "ttl": f"{seconds}s", "notification": {"tag": tag}},
        "apns": {"headers": headers, **(WAKES_EXTENSION if REPORT in data else {})},
    }


def _data(outgoing: Outgoing, reports: PushReports | None, shown: dict[str, Any]) -> dict[str, str]:
    """What the app gets beside what is shown. Where there is no room for both, it is not asked to report."""
    data = {KEY: outgoing.key}
    if url := outgoing.content.get("url"):
        data["url"] = url
    if reports is None:
        return data
    to, token = reports.ask(outgoing.key)
    asked = data | {REPORT: token, REPORT_TO: to}
    is_roomy = len(json.dumps([shown, asked], ensure_ascii=False).encode()) <= ROOMY
    return asked if is_roomy else data


def _id(body: bytes) -> str:
    """`projects/…/messages/…`: FCM's name of what it took."""
    try:
        name = json.loads(body)["name"]
    except (ValueError, KeyError, TypeError):
        name = None
    if not isinstance(name, str) or not name:
        raise Ambiguous("fcm: the answer makes no sense")
    return name
