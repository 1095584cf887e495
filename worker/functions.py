"""The modules in which functions for `call:` are registered."""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from activities.functions import registered
from runtime.settings import SettingsInvalid


def import_functions(modules: Iterable[str]) -> frozenset[str]:
    """Import these modules, also from the working directory; returns the names of all functions now registered.

    Raises SettingsInvalid when one cannot be imported.
    """
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a module does when it is imported
            reason = f"{type(error).__name__}: {error}"
            raise SettingsInvalid(f"SOJOURN_FUNCTIONS: {module} cannot be imported: {reason}") from error
    return registered()
