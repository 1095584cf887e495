"""When the contact policy would have let a message pass that it dropped: its reason says so in words."""

from collections.abc import Sequence
from datetime import datetime

from language.contact_rules import ContactRules, Kind, counts_since
from language.policy import Policy
from language.time_zone import customer_zone
from store.contacts import read_contacts
from store.database import Database
from store.reading_customers import CustomerRecord
from store.reading_messages import MessageRecord


async def next_possible(
    db: Database, customer: CustomerRecord, records: Sequence[MessageRecord], policy: Policy
) -> dict[str, datetime]:
    """By key, of those that a cap dropped: counted again as it was then. Where that comes to another reason than the
    one that was kept, the policy or the customer is not as then, and nothing is said."""
    dropped = {it.key: it for it in records if it.status == "suppressed" and it.reason}
    since = [at for it in dropped.values() if (at := counts_since(policy, _kind(it), it.created_at)) is not None]
    if not since:
        return {}
    contacts = await read_contacts(db.pool, customer.id, since=min(since), but="")
    zone = customer_zone(customer.traits, customer.time_zone, policy.time_zones)
    found: dict[str, datetime] = {}
    for key, record in dropped.items():
        before = tuple(one for one in contacts if one.at <= record.created_at)
        verdict = ContactRules(policy, _kind(record), zone, before).capped(record.created_at)
        if verdict is not None and verdict.reason == record.reason:
            found[key] = verdict.until
    return found


def _kind(record: MessageRecord) -> Kind:
    step = f"{record.enrolment_id}/{record.step}/{record.visit}"
    return Kind(record.channel, record.message_class, record.topic, step)
