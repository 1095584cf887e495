"""What SendGrid's words for how a mail ended mean, whether it tells them by itself or when asked."""

DEAD_BY_DROP = {"Bounced Address": "it has bounced before", "Invalid": "the address is not valid"}
OPTED_OUT_BY_DROP = {
    "Unsubscribed Address": "unsubscribed at SendGrid",
    "Spam Reporting Address": "marked us as spam before",
}
"""Why SendGrid did not even try, in its own words; other reasons say nothing of the address."""


def drop_reason(reason: str) -> str:
    """For people, and without the address, which SendGrid's own words may hold."""
    return f"sendgrid: {DEAD_BY_DROP.get(reason) or OPTED_OUT_BY_DROP.get(reason) or 'the mail was dropped'}"
