"""What is known of a recorded case's true cause: the one module that reads `truth`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from compass_core.errors import CaseError

if TYPE_CHECKING:
    from pathlib import Path


def planted(case: Path) -> dict[str, str]:
    """The case's true `service` and `mechanism`, or {} where it does not tell; raises `CaseError`."""
    try:
        truth = json.loads((case / "case.json").read_bytes()).get("truth") or {}
        return {name: str(truth[name]) for name in ("service", "mechanism") if name in truth}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CaseError(f"{case / 'case.json'} does not tell a cause: {error}") from error
