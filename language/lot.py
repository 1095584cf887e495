"""Drawing lots that anybody can draw again: by a hash, not by chance."""

import hashlib
from collections.abc import Mapping
from itertools import accumulate

HELD_OUT = "held_out"
EVERYWHERE = "control/*"
"""The experiment that holds customers out of all journeys."""

_LARGEST = 1 << 64


def drawn_everywhere(customer_id: int, control: float) -> str:
    """The customer's arm in `EVERYWHERE`, of which `control` per cent are held out."""
    return draw(customer_id, EVERYWHERE, {HELD_OUT: control, "messaged": 100 - control})


def draw(customer_id: int, experiment: str, shares: Mapping[str, float], instead_of: str = "") -> str:
    """The customer's arm in an experiment. `shares` are weights, their order counts.

    `instead_of` names an arm that the customer had and that is gone: of those who had it each draws afresh, so that
    they spread over all that are left. Raises ValueError when nothing has a weight.
    """
    weights = {arm: weight for arm, weight in shares.items() if weight > 0}
    if not weights:
        raise ValueError(f"the experiment {experiment} has no arm to draw")
    text = "\0".join((experiment, instead_of, str(customer_id)))
    drawn = hashlib.blake2b(text.encode(), digest_size=8, salt=b"sojourn arms").digest()
    place = int.from_bytes(drawn, "big") / _LARGEST * sum(weights.values())
    ends = accumulate(weights.values())
    return next((arm for arm, end in zip(weights, ends, strict=True) if place < end), next(reversed(weights)))
