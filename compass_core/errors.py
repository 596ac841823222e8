"""Every error that Compass raises on purpose.

CompassError
├── BudgetExceededError        spending would pass, or has passed, the budget: the investigation stops
├── RefusalError               a person asked for something that cannot be done; the text tells them what to do
│   ├── IncidentNotFoundError  the id is known nowhere; tells where it was looked for and the nearest ids
│   ├── UnknownNameError       no source knows anything of a service; tells where it was looked for and the nearest names
│   ├── AmbiguousPlaceError    a thing of that name runs in several environments; carries which
│   ├── AmbiguousIncidentError an alert name that fires more than once; tells the fingerprints
│   └── AlreadyRunningError    this incident is being investigated; carries the running investigation
├── SettingsError              a setting is missing or wrong; names the variable, the problem and an example
├── CaseError                  a recorded case that cannot be read
├── StoreError                 what was kept cannot be read, or not be kept; the text says what to check
├── ThreadError                the thread cannot be written to; carries a reason
├── ModelError                 a model gave no usable answer; carries a reason
└── SourceError                a telemetry backend did not answer; carries the source and a reason

Texts are written for the person who reads them in Slack or in a terminal and never hold a secret.
"""

import re
from enum import StrEnum

MOST_TOLD = 10

_NAME = re.compile(r"(?!.*-[0-9]+$)(?![0-9a-fA-F]{16}$)[a-z][A-Za-z0-9._/-]{0,99}")  # of a service; neither INC-42 nor a fingerprint


class Reason(StrEnum):
    """Why something is missing: few values, so that it can be a metric label."""

    NOT_CONFIGURED = "not_configured"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"
    SERVER_ERROR = "server_error"
    GARBAGE = "garbage"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    REQUEST_LIMIT = "request_limit"
    DECLINED = "declined"
    NO_DATA = "no_data"


class CompassError(Exception):
    """The root: whatever is caught as this was raised on purpose."""


class BudgetExceededError(CompassError):
    """Spending would pass, or has passed, the budget."""


class RefusalError(CompassError):
    """Nothing was started; the text says what is wrong and what to do."""


class IncidentNotFoundError(RefusalError):
    def __init__(self, reference: str, looked_in: tuple[str, ...], nearest: tuple[str, ...]) -> None:
        hint = f" Nearest: {', '.join(nearest)}." if nearest else " No incident is known there."
        problem = f"No incident {reference!r}."
        if reference.startswith(("https://", "http://")):
            problem = "No alert belongs to this link: give the alert's name or fingerprint in its place."
        service = f" If it is a service, type --service {reference} --since 30m." if _NAME.fullmatch(reference) else ""
        alerts = " Of alerts it knows none: set COMPASS_GRAFANA_URL or COMPASS_ALERTMANAGER_URL." if len(looked_in) == 1 else ""
        super().__init__(f"{problem} Looked in: {'; '.join(dict.fromkeys(looked_in))}.{alerts}{hint}{service}")


class UnknownNameError(RefusalError):
    def __init__(self, names: tuple[str, ...], where: str, looked_in: tuple[str, ...], nearest: tuple[str, ...]) -> None:
        there = f" in {where}" if where else ""
        hint = f"Nearest names: {', '.join(nearest)}." if nearest else "No name is known there."
        super().__init__(f"Nothing is known of {', '.join(names)}{there}. Looked in: {', '.join(looked_in)}. {hint}")


class AmbiguousPlaceError(RefusalError):
    def __init__(self, name: str, places: tuple[str, ...]) -> None:
        self.places = places
        told = ", ".join((*places[:MOST_TOLD], *(["…"] if places[MOST_TOLD:] else [])))
        super().__init__(f"{name} runs in {len(places)} places: {told}. Say which is meant, for example: --in {places[0]}")


class AmbiguousIncidentError(RefusalError):
    def __init__(self, reference: str, candidates: tuple[str, ...]) -> None:
        super().__init__(f"{reference!r} fires {len(candidates)} times; name one by its fingerprint: {'; '.join(candidates)}.")


class AlreadyRunningError(RefusalError):
    def __init__(self, incident: str, investigation: str) -> None:
        self.investigation = investigation
        super().__init__(f"{incident} is being investigated already.")


class SettingsError(CompassError):
    """A setting is missing or wrong; where several are, `more` are the others and the text has a line for each."""

    def __init__(self, variable: str, problem: str, example: str, *more: "SettingsError") -> None:
        super().__init__("\n".join((f"{variable}: {problem}. Example: {variable}={example}", *map(str, more))))


class CaseError(CompassError):
    """A recorded case that cannot be read; the text names the file and what is wrong in it."""


class StoreError(CompassError):
    """What was kept cannot be read, or not be kept."""


class ThreadError(CompassError):
    """A message could not be posted; `reason` is the name that the other side gave the failure."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class ModelError(CompassError):
    def __init__(self, reason: Reason, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class SourceError(CompassError):
    def __init__(self, source: str, reason: Reason, detail: str) -> None:
        self.source = source
        self.reason = reason
        self.detail = detail
        super().__init__(f"{source}: {detail} ({reason})")
