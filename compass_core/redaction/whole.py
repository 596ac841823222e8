"""Whole values without their secrets: every text in them, at any depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_plus

from pydantic import BaseModel

from compass_core.domain import Incident

if TYPE_CHECKING:
    from collections.abc import Callable

    from compass_core.redaction.redact import Redactor

T = TypeVar("T")

# by these telemetry is asked: the redactor still knows them
ASKED_BY = frozenset({"service", "services", "members", "labels", "environment", "reference", "family", "over", "values"})
OURS = frozenset({"evidence_for", "evidence_against", "id"})


def redacted(value: T, redact: Redactor) -> T:
    """The value with every text in it redacted; the same object where nothing was a secret.

    Ids that Compass gave stay; an incident's is somebody else's. A link that holds a secret is None: it would not lead
    anywhere with a placeholder in it.
    """
    told: T = _Walk(redact, redact.name).part(value)
    return told


def asked(value: T, redact: Redactor) -> T:
    """A question with the names in it as telemetry knows them."""
    raw: T = _Walk(redact.raw, redact.raw).part(value)
    return raw


class _Walk:
    """Through one value. What comes again in it is looked at once."""

    def __init__(self, text: Callable[[str], str], name: Callable[[str], str]) -> None:
        self._texts: dict[bool, tuple[Callable[[str], str], dict[str, str]]] = {False: (text, {}), True: (name, {})}
        self._values: dict[int, Any] = {}

    def part(self, part: Any, *, is_name: bool = False) -> Any:
        if type(part) is str:  # an enum's value is ours
            change, seen = self._texts[is_name]
            return seen[part] if part in seen else seen.setdefault(part, change(part))
        if isinstance(part, tuple | frozenset):
            changed = [self.part(each, is_name=is_name) for each in part]
            return part if all(now is was for now, was in zip(changed, part, strict=True)) else type(part)(changed)
        if isinstance(part, Mapping):
            return {self.part(key): self.part(each, is_name=is_name) for key, each in part.items()}
        if isinstance(part, BaseModel) or is_dataclass(part):
            if id(part) not in self._values:
                self._values[id(part)] = self._whole(part)
            return self._values[id(part)]
        return part

    def _whole(self, value: Any) -> Any:
        changes: dict[str, Any] = {}
        for name in _parts(type(value)):  # type: ignore[arg-type]  # a type is hashable, which mypy does not see
            was = getattr(value, name)
            now = self._link(was) if name == "link" else self.part(was, is_name=name in ASKED_BY)
            if now is not was:
                changes[name] = now
        if not changes:
            return value
        return value.model_copy(update=changes) if isinstance(value, BaseModel) else replace(value, **changes)

    def _link(self, link: str | None) -> str | None:
        """None where it or what it says percent-encoded, once or twice, holds a secret."""
        if link is None:
            return None
        once = unquote_plus(link)
        return link if all(self.part(text) == text for text in (link, once, unquote_plus(once))) else None


@cache
def _parts(kind: Any) -> tuple[str, ...]:
    """The names of the fields of a value that may hold somebody else's text."""
    names = tuple(kind.model_fields) if issubclass(kind, BaseModel) else tuple(each.name for each in fields(kind))
    return tuple(name for name in names if name not in OURS or (name == "id" and issubclass(kind, Incident)))
