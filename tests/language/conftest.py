"""Generated examples: few and without a time limit a piece, for the machine is shared."""

from hypothesis import HealthCheck, settings

settings.register_profile("language", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("language")
