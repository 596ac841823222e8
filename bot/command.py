"""The text after `/compass` becomes a typed request, or a refusal that shows how to ask; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING

from bot.words import printable, shown
from compass_core.domain import AgentName, Request
from compass_core.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_TEXT = 1_000
LONGEST_SINCE = timedelta(days=7)
HIGHEST_BUDGET = Decimal(1_000)

FORMS = {
    "investigate": (
        "/compass investigate INC-42 [--budget 5] [--only database]\n"
        "/compass investigate --service checkout --since 45m [--budget 5] [--only database]"
    ),
    "declare": "/compass declare checkout is slow --service checkout --since 20m",
    "status": "/compass status",
    "help": "/compass help",
}
_FLAGS = {"investigate": ("service", "since", "budget", "only"), "declare": ("service", "since")}
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_FLAG = re.compile(r"(?:--?|[—–―−]{1,2})([A-Za-z][\w-]*)(?:=(.*))?")  # phones and Slack turn `--` into these dashes
_MARKUP = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))
_SERVICE = re.compile(r"[A-Za-z0-9._/:-]{1,200}")
_SINCE = re.compile(r"([0-9]{1,6})([smhd])", re.IGNORECASE)
_BUDGET = re.compile(r"\$?([0-9]{1,6}(?:\.[0-9]{1,4})?)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Investigate:
    """Investigate this."""

    request: Request


@dataclass(frozen=True, slots=True)
class Declare:
    """Keep a new incident that began `since` ago."""

    title: str
    service: str
    since: timedelta


@dataclass(frozen=True, slots=True)
class Help:
    """Show how to ask."""


@dataclass(frozen=True, slots=True)
class Status:
    """Show what runs and what ended lately."""


Command = Investigate | Declare | Help | Status


def parse(text: str) -> Command:
    """What a person typed after `/compass`, as Slack sends it; raises `RefusalError` with the correct form, and nothing else."""
    if len(text) > LONGEST_TEXT:
        raise RefusalError(f"That is {len(text):,} characters; a command has at most {LONGEST_TEXT:,}.\n{FORMS['investigate']}")
    words = [(match[1] if match[1] is not None else match[2], match[1] is not None) for match in _WORD.finditer(_typed(text))]
    if not words:
        return Help()
    verb = words[0][0].lower()
    match verb:
        case "investigate":
            return _investigate(*_options(verb, words[1:]))
        case "declare":
            return _declare(*_options(verb, words[1:]))
        case "status":
            return Status()
        case "help":
            return Help()
    raise RefusalError(f"I do not know {shown(verb)!r}.{_nearest(verb, FORMS)} You can type:\n" + "\n".join(FORMS.values()))


def parse_since(text: str) -> timedelta:
    """`45m` as a time span: a number with s, m, h or d, more than nothing and at most seven days; else `RefusalError`."""
    match = _SINCE.fullmatch(text)
    since = timedelta(**{_UNITS[match[2].lower()]: int(match[1])}) if match else timedelta(0)
    if not timedelta(0) < since <= LONGEST_SINCE:
        raise RefusalError(f"--since cannot be {shown(text)!r}: write a number and s, m, h or d, at most 7d, such as --since 45m.")
    return since


def parse_budget(text: str) -> Decimal:
    """`5` or `2.50` as US dollars, from 0 (no model) to 1,000; else `RefusalError`."""
    match = _BUDGET.fullmatch(text)
    if not match or (budget := Decimal(match[1])) > HIGHEST_BUDGET:
        raise RefusalError(f"--budget cannot be {shown(text)!r}: write US dollars from 0 (no model) to 1000, such as --budget 2.50.")
    return budget


def parse_agent(text: str) -> AgentName:
    """One of the three agents by its name; else `RefusalError`."""
    if text.lower() not in set(AgentName):
        raise RefusalError(f"--only cannot be {shown(text)!r}: it is {', '.join(AgentName)}.{_nearest(text, AgentName)}")
    return AgentName(text.lower())


def parse_service(text: str) -> str:
    """A service's name: letters, digits and . _ - / : up to 200; else `RefusalError`."""
    if not _SERVICE.fullmatch(text):
        raise RefusalError(
            f"--service cannot be {shown(text)!r}: a name has letters, digits and . _ - / : only, such as --service checkout."
        )
    return text


def _typed(text: str) -> str:
    """Slack escapes what people type and turns names and addresses into markup: take that back."""
    text = _MARKUP.sub(lambda match: match[2] or match[1], text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return printable(text.translate(_QUOTES))


def _options(verb: str, words: list[tuple[str, bool]]) -> tuple[list[str], dict[str, str]]:
    plain: list[str] = []
    flags: dict[str, str] = {}
    left = iter(words)
    for word, quoted in left:
        flag = None if quoted else _FLAG.fullmatch(word)
        if flag is None:
            plain += [said] if (said := word.strip('" ')) else []
            continue
        name = flag[1].lower()
        if name not in _FLAGS[verb]:
            raise _refusal(verb, f"There is no --{shown(name)}.{_nearest(name, _FLAGS[verb], '--')}")
        if name in flags:
            raise _refusal(verb, f"--{name} is given twice.")
        value, is_quoted = (flag[2], True) if flag[2] is not None else next(left, ("", True))
        if not value.strip('"') or (not is_quoted and _FLAG.fullmatch(value)):
            raise _refusal(verb, f"--{name} needs a value.")
        flags[name] = value.strip('"')
    return plain, flags


def _investigate(plain: list[str], flags: dict[str, str]) -> Investigate:
    if len(plain) > 1:
        raise _refusal("investigate", f"Name one incident; {shown(' '.join(plain))!r} are {len(plain)} words.")
    by_service = {"service", "since"} & set(flags)
    if plain and by_service:
        raise _refusal("investigate", "Give an incident, or a service and since when, not both.")
    if not plain and by_service != {"service", "since"}:
        missing = "which incident" if not by_service else "since when" if "service" in flags else "which service"
        raise _refusal("investigate", f"Say {missing}.")
    reference = plain[0] if plain else ""
    if len(reference) > 200:  # noqa: PLR2004 - as long as a service's name
        raise _refusal("investigate", f"{shown(reference)!r} is too long for an incident's id.")
    return Investigate(
        Request(
            reference=reference,
            service=parse_service(flags["service"]) if by_service else "",
            since=parse_since(flags["since"]) if by_service else None,
            budget=parse_budget(flags["budget"]) if "budget" in flags else None,
            only=parse_agent(flags["only"]) if "only" in flags else None,
        )
    )


def _declare(plain: list[str], flags: dict[str, str]) -> Declare:
    title = " ".join(plain).strip()
    if not title:
        raise _refusal("declare", "Say in a few words what is wrong.")
    for name in _FLAGS["declare"]:
        if name not in flags:
            raise _refusal("declare", f"--{name} is missing.")
    return Declare(title, parse_service(flags["service"]), parse_since(flags["since"]))


def _refusal(verb: str, problem: str) -> RefusalError:
    return RefusalError(f"{problem} The form is:\n{FORMS[verb]}")


def _nearest(word: str, known: Iterable[str], prefix: str = "") -> str:
    near = get_close_matches(word.lower()[:60], list(known), n=1)
    return f" Did you mean {prefix}{near[0]}?" if near else ""
