"""The events of SendGrid's Event Webhook, as SendGrid fills them."""

import re
import time
from typing import Any

from language.message_event import Report
from store.sandbox import SandboxMessage

FIELDS_BY_REPORT: dict[str, dict[str, Any]] = {
    "delivered": {"event": "delivered", "response": "250 OK"},
    "opened": {"event": "open", "sg_content_type": "html"},
    "clicked": {"event": "click", "url_offset": {"index": 0, "type": "html"}},
    "bounced": {
        "event": "bounce",
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
        "bounce_classification": "Invalid Address",
    },
    "failed": {"event": "dropped", "reason": "Spam Content (if Spam Checker app enabled)"},
    "spam": {"event": "spamreport"},
}
BY_A_PERSON = ("opened", "clicked")
"""What may be done again, and happens in a browser or a mail program."""

LINK = re.compile(r"https?://[^\s\"'<>)]+")
BROWSER = {"useragent": "Mozilla/5.0 (sandbox)", "ip": "127.0.0.1"}


def event_of(message: SandboxMessage, report: Report, number: str) -> dict[str, Any] | None:
    """None: SendGrid never says that. `number` tells one opening from the next."""
    fields = FIELDS_BY_REPORT.get(report)
    if fields is None:
        return None
    is_by_person = report in BY_A_PERSON
    told = number if is_by_person else message.provider_id
    return {
        **fields,
        **(BROWSER if is_by_person else {}),
        **({"url": _link(message)} if report == "clicked" else {}),
        "email": message.recipient,
        "timestamp": int(time.time()),
        "sg_event_id": f"{fields['event']}-{told}",
        "sg_message_id": message.provider_id,
        "smtp-id": f"<{message.provider_id}@sandbox>",
        **_arguments(message),
    }


def _arguments(message: SandboxMessage) -> dict[str, Any]:
    """SendGrid puts the mail's own arguments among the fields."""
    arguments: dict[str, Any] = message.details.get("custom_args") or {"sojourn_key": message.details.get("key")}
    return {name: value for name, value in arguments.items() if value is not None}


def _link(message: SandboxMessage) -> str:
    found = LINK.search(message.html or "") or LINK.search(message.text or "")
    return found.group() if found else "http://example.com/"
