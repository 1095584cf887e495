"""Make journeys live."""

from collections.abc import Sequence
from datetime import datetime

from language.policy import Policy
from language.program import Compiled
from store.database import Database
from store.policies import publish_policy
from store.versions import Published, publish_versions


async def publish(
    db: Database,
    journeys: Sequence[Compiled],
    *,
    at: datetime,
    by: str | None = None,
    policy: Policy | None = None,
) -> list[Published]:
    """Publish these journeys together, all or none; those unchanged get no new version. `at` is journey time.

    `policy` holds from then on for all that is sent, also by those inside already; None leaves it as it is.
    """
    if policy is not None:
        await publish_policy(db, policy, at=at)
    return await publish_versions(db, journeys, at=at, by=by)
