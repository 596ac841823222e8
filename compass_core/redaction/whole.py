"""Whole values without their secrets: every text in them, at any depth."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import is_
from typing import Any, TypeVar
from urllib.parse import unquote_plus

from pydantic import BaseModel

from compass_core.domain import Incident
from compass_core.redaction.redact import Redactor

T = TypeVar("T")

# by these telemetry is asked: the redactor still knows them
ASKED_BY = frozenset({"service", "services", "members", "labels", "environment", "reference", "family", "over", "values"})
_NUMBERS = frozenset({"float", "int", "bool", "NDArray[np.float64]"})  # as fields declare them
_MANY = frozenset({tuple, list, frozenset})
OURS = frozenset({"evidence_for", "evidence_against", "brought_about_by", "explains", "id"})


def redacted(value: T, redact: Redactor, clean: set[str] | None = None) -> T:
    """The value with every text in it redacted; the same object where nothing was a secret.

    `clean` are texts that are known to hold none, and gets those that are found to.

    Ids that Compass gave stay; an incident's is somebody else's. A link that holds a secret is None: it would not lead
    anywhere with a placeholder in it.
    """
    told: T = _Walk(redact, redact.name, clean).part(value)
    return told


def asked(value: T, redact: Redactor) -> T:
    """A question with the names in it as telemetry knows them."""
    raw: T = _Walk(redact.raw, redact.raw).part(value)
    return raw


def said(value: T, hide: Callable[[str], str]) -> T:
    """As `redacted`, of what is logged: before a form of writing puts signs between a secret and what marks it."""
    told: T = _Walk(hide, hide).part(value)
    return told


class _Walk:
    """Through one value, of which thousands of spans may be a part. What comes again in it is looked at once."""

    def __init__(self, text: Callable[[str], str], name: Callable[[str], str], clean: set[str] | None = None) -> None:
        self._clean = set[str]() if clean is None else clean
        self._texts: dict[bool, tuple[Callable[[str], str], dict[str, str]]] = {False: (text, {}), True: (name, {})}
        self._values: dict[int, Any] = {}

    def part(self, part: Any, *, is_name: bool = False) -> Any:
        kind = type(part)
        if kind is str:  # an enum's value is ours
            return part if part in self._clean else self._told(part, is_name=is_name)
        shape = _shape(kind)  # type: ignore[arg-type]  # a type is hashable, which mypy does not see
        if shape is tuple:
            changed = [self.part(each, is_name=is_name) for each in part]
            return part if all(map(is_, changed, part)) else kind(changed)
        if shape is dict:
            return self._mapping(part, is_name=is_name)
        if shape is None:
            return part
        if id(part) not in self._values:
            self._values[id(part)] = self._whole(part)
        return self._values[id(part)]

    def _told(self, text: str, *, is_name: bool) -> str:
        change, seen = self._texts[is_name]
        told = seen[text] if text in seen else change(text)
        if told == text:
            self._clean.add(text)
            return text  # the same object says that nothing was changed
        return seen.setdefault(text, told)

    def _mapping(self, part: Mapping[Any, Any], *, is_name: bool) -> Mapping[Any, Any]:
        keys = [self.part(key) for key in part]
        values = [self.part(each, is_name=is_name) for each in part.values()]
        return part if all(map(is_, keys, part)) and all(map(is_, values, part.values())) else dict(zip(keys, values, strict=True))

    def _whole(self, value: Any) -> Any:
        changes: dict[str, Any] = {}
        for name, is_name in _parts(type(value)):  # type: ignore[arg-type]  # a type is hashable, which mypy does not see
            was = getattr(value, name)
            now = self._link(was) if name == "link" else self.part(was, is_name=is_name)
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
def _shape(kind: Any) -> type | None:
    """As what a value of this kind is walked through: a tuple, a dict, an object, or None where it holds no text."""
    if kind in _MANY:
        return tuple
    if issubclass(kind, Mapping):
        return dict
    return object if issubclass(kind, BaseModel) or is_dataclass(kind) else None


@cache
def _parts(kind: Any) -> tuple[tuple[str, bool], ...]:
    """The fields of a value that may hold somebody else's text, and whether telemetry is asked by them."""
    own = kind.model_fields if issubclass(kind, BaseModel) else [each.name for each in fields(kind) if each.type not in _NUMBERS]
    names = tuple(own)
    return tuple((name, name in ASKED_BY) for name in names if name not in OURS or (name == "id" and issubclass(kind, Incident)))
