"""Whether a request comes from Twilio: by the signature over the address that Twilio was given and the form's fields.

Twilio's own validator crashes on bodies that are no form, and takes addresses apart by the first colon; its way to
compute a signature is used as it is.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from fastapi import Request
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import (
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
)

from api.parcel import unpack
from api.webhooks.refusal import Flaw, refuse

PORTS = {"https": 443, "http": 80}
MOST_FIELDS = 500

Form = ImmutableMultiDict[str, str]


@dataclass(frozen=True, slots=True)
class TwilioSignature:
    """`public_url` is what Twilio calls us by, whatever a proxy makes of it. `shared_keys`: secrets by id;
    `other_tokens`: those of further accounts."""

    public_url: str
    auth_token: str | None = field(repr=False)
    shared_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    other_tokens: tuple[str, ...] = field(default=(), repr=False)

    async def form(self, request: Request) -> Form:
        """The fields of a request, once its signature has been checked. Raises Problem 403, or 413 for too many."""
        body = await unpack(request)
        form = _form(body, request.headers.get("content-type", ""))
        if form is None:
            raise refuse("twilio", "no form")
        query = request.scope["query_string"].decode("latin-1")
        flaw = self.flaw(request.url.path + (f"?{query}" if query else ""), form, request.headers)
        if flaw is not None:
            raise refuse("twilio", flaw)
        return Form([(name, value.replace("\0", "\ufffd")) for name, value in form.multi_items()])

    def flaw(self, path: str, form: Form, headers: Mapping[str, str]) -> Flaw | None:
        """What is wrong with a request for `path` (with its query), or None."""
        given = headers.get(SIGNATURE_HEADER)
        if not given:
            return "no signature"
        secrets = self._secrets(headers.get(SIGNATURE_SETTINGS_HEADER))
        if isinstance(secrets, str):
            return secrets
        validators, algorithm = secrets
        expected = [
            validator.compute_signature(url, form, algorithm)
            for validator in validators
            for url in _ways_to_write(self.public_url + path)
        ]
        matches = [hmac.compare_digest(given.encode(), it.encode()) for it in expected]
        return None if any(matches) else "wrong signature"

    def _secrets(self, settings: str | None) -> tuple[list[RequestValidator], str] | Flaw:
        """What the request may have been signed with; a header of Twilio's says so where it is no account's token."""
        if settings is None:
            tokens = [it for it in (self.auth_token, *self.other_tokens) if it]
            return ([RequestValidator(it) for it in tokens], HMAC_SHA1) if tokens else "no secret"
        named = dict(part.strip().partition("=")[::2] for part in settings.split(","))
        if named.get("algorithm") != HMAC_SHA256:
            return "unknown algorithm"
        secret = self.shared_keys.get(named.get("key", ""))
        return ([RequestValidator(secret)], HMAC_SHA256) if secret else "unknown key"


def _ways_to_write(url: str) -> Iterator[str]:
    """Twilio signs some addresses with their port and some without."""
    yield url
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port is not None else ""
    bare = parts.netloc.removesuffix(port) if port else parts.netloc
    for netloc in (bare, f"{bare}:{parts.port or PORTS[parts.scheme]}"):
        if netloc != parts.netloc:
            yield urlunsplit(parts._replace(netloc=netloc))


def _form(body: bytes, content_type: str) -> Form | None:
    """None: it is none, so that no signature covers it. Empty values count, and so do repeated names."""
    if not body:
        return Form()
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return None
    try:
        text = body.decode()
        return Form(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        return None
