"""Generated examples: few and without a time limit a piece, for the machine is shared."""

from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile("language", max_examples=60, deadline=None, suppress_health_check=QUIET)
settings.load_profile("language")
