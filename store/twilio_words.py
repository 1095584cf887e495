"""What a failure at Twilio means for the number, however it is learnt."""

from language.channel import Channel
from language.twilio_codes import DEAD, OPTED_OUT, reason_of
from store.address_words import AddressWord


def words_of_failure(id: str, code: object, channel: Channel, number: str, *, of: str) -> list[AddressWord]:
    """`id` is Twilio's of the message, `of` names it as we know it. Nothing, for most codes."""
    if not isinstance(code, int) or (code not in DEAD and code not in OPTED_OUT):
        return []
    return [
        AddressWord(
            event_id=f"{id}/failed",
            channel=channel,
            address=number,
            source="twilio",
            evidence=reason_of(code),
            dead=reason_of(code) if code in DEAD else None,
            consent="opted_out" if code in OPTED_OUT else None,
            of=of,
        )
    ]
