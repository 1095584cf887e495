"""The channels."""

from typing import Literal

Channel = Literal["email", "sms", "whatsapp", "voice", "push", "web_push"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "whatsapp", "voice", "push", "web_push")
BUILT: tuple[Channel, ...] = CHANNELS
"""Those that this release sends by."""
