"""The text after `/compass` becomes a typed request, or a refusal that shows how to ask; pure."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches

from bot.since import parse_since
from bot.words import printable, shown
from compass_core.budget import dollars
from compass_core.domain import AgentName, Request
from compass_core.errors import RefusalError

LONGEST_TEXT = 4_000  # an alert's link may be long
LONGEST_NAME = 200
LONGEST_TIME = 6  # words
HIGHEST_BUDGET = Decimal(1_000)

FORMS = {
    "investigate": (
        "/compass investigate INC-42 [--budget 5] [--only database]\n"
        "/compass investigate --service checkout --since 45m [--namespace shop] [--cluster eu-1] [--in KEY=VALUE]"
    ),
    "declare": "/compass declare checkout is slow --service checkout --since 20m",
    "stop": "/compass stop [INC-42]",
    "status": "/compass status",
    "list": "/compass list",
    "history": "/compass history [INC-42]",
    "cost": "/compass cost",
    "help": "/compass help",
}
_PLACES = ("in", "namespace", "cluster")
_FLAGS = {"investigate": ("service", "since", "budget", "only", *_PLACES), "declare": ("service", "since")}
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_FLAG = re.compile(r"(?:--?|[—–―−]{1,2})([A-Za-z][\w-]*)(?:=(.*))?")  # phones and Slack turn `--` into these dashes
_MARKUP = re.compile(r"<([^<>|]*)(?:\|([^<>]*))?>")
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))
# quotes, and Slack's own marks for code, bold and struck text
_AROUND_NAMES = "\"\u201c\u201d\u201e\u00ab\u00bb'`\u00b4\u2018\u2019\u201a\u201b*~ \t"
_HYPHEN = re.compile("(?<=\\w)[\u2010\u2011\u2013\u2014\u2212](?=\\w)")  # what editors make of `-`
_KIND = re.compile(r"^(?:(?:the|incident|alert)\s+)+(?=\S+$)", re.IGNORECASE)
_SERVICE = re.compile(r"[A-Za-z0-9._/:-]{1,200}")
_LABEL = re.compile(r"([A-Za-z_][\w.]{0,100})\s*={1,2}\s*[\"']?([^\"'={},]{1,200}?)[\"']?", re.ASCII)

Word = tuple[str, bool]
"""What was typed, and whether it stood in quotes: then it is no flag."""


@dataclass(frozen=True, slots=True)
class Declare:
    """Keep a new incident that began `since` ago."""

    title: str
    service: str
    since: timedelta


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop what runs in this channel, or only what investigates this incident."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Show:
    """Show what runs and what ended lately (`status`; `list` more), what ended, also of one incident (`history`), the `cost`, or `help`."""

    what: str
    reference: str = ""


Command = Request | Declare | Stop | Show


def parse(text: str, now: datetime) -> Command:
    """What a person typed after `/compass`, as Slack sends it; raises `RefusalError` with the correct form, and nothing else."""
    if len(text) > LONGEST_TEXT:
        raise RefusalError(f"That is {len(text):,} characters; a command has at most {LONGEST_TEXT:,}.\n{FORMS['investigate']}")
    words = [(match[1] if match[1] is not None else match[2], match[1] is not None) for match in _WORD.finditer(typed(text))]
    verb = bare(words[0][0]).lower() if words else "help"
    match verb:
        case "investigate":
            return investigation(words[1:], now)
        case "declare":
            return _declare(*_options(verb, words[1:], now), now)
        case "stop" | "cancel" | "abort":
            return Stop(bare(" ".join(word for word, _ in words[1:])))
        case "status" | "list" | "history" | "cost":
            reference = bare(" ".join(word for word, _ in words[1:]))
            if reference and verb != "history":
                raise _refusal(verb, f"{verb} takes nothing behind it, not {shown(reference)!r}.")
            return Show(verb, reference)
        case "help":
            return Show(verb)
    raise RefusalError(f"I do not know {shown(verb)!r}.{_nearest(verb, FORMS)} You can type:\n" + "\n".join(FORMS.values()))


def commanded(text: str) -> bool:
    """Whether this, said to Compass by its name, is a command and no question."""
    words = [bare(word).lower() for word in typed(text).split()]
    return bool(words) and (words[0] in {"investigate", "declare", "stop"} or (len(words) == 1 and words[0] in FORMS))


def investigation(words: Sequence[Word], now: datetime) -> Request:
    """What these words after `investigate`, in Slack or in a terminal, ask for; else `RefusalError`."""
    plain, flags = _options("investigate", words, now)
    by_service = {"service", "since"} & set(flags)
    reference = bare(_KIND.sub("", " ".join(plain)))
    if plain and by_service:
        wanted = f" For a service's trouble type --service {shown(reference)} --since 45m." if _SERVICE.fullmatch(reference) else ""
        raise _refusal("investigate", f"Give an incident, or a service and since when, not both.{wanted}")
    if not reference and by_service != {"service", "since"}:
        missing = "which incident" if not by_service else "since when" if "service" in flags else "which service"
        raise _refusal("investigate", f"Say {missing}.")
    if len(reference) > LONGEST_NAME and not is_link(reference):
        raise _refusal("investigate", f"{shown(reference)!r} is too long for an incident's id.")
    return Request(
        reference=reference,
        service=parse_service(flags["service"][0]) if by_service else "",
        since=parse_since(flags["since"][0], now) if by_service else None,
        environment=tuple(dict.fromkeys(place(name, one) for name in _PLACES for value in flags.get(name, ()) for one in value.split(","))),
        budget=parse_budget(flags["budget"][0]) if "budget" in flags else None,
        only=parse_agent(flags["only"][0]) if "only" in flags else None,
    )


def bare(text: str) -> str:
    """A name without what people and Slack put around it: `` `INC-1` ``, `*INC-1*`, `#INC-1`, `(INC-1).`; a link as it is."""
    name = text.strip(_AROUND_NAMES)
    if is_link(name):
        return name
    name = _HYPHEN.sub("-", name)
    for pair in ("()", "[]", "<>", "{}", "__"):
        inner = name.rstrip(".,;:!?")
        if len(inner) > 1 and inner[0] == pair[0] and inner[-1] == pair[1]:
            name = inner[1:-1]
    return name.rstrip(".,;:!?" + _AROUND_NAMES).lstrip("#" + _AROUND_NAMES)


def is_link(text: str) -> bool:
    """An address on the web."""
    return text.startswith(("https://", "http://"))


def parse_budget(text: str) -> Decimal:
    """`5` or `2.50` as US dollars, from 0 (no model) to 1,000; else `RefusalError`."""
    with suppress(ValueError):
        if (budget := dollars(text.removeprefix("$"))) <= HIGHEST_BUDGET:
            return budget
    raise RefusalError(f"--budget cannot be {shown(text)!r}: write US dollars from 0 (no model) to 1000, such as --budget 2.50.")


def parse_agent(text: str) -> AgentName:
    """One of the three agents by its name; else `RefusalError`."""
    name = bare(text).lower()
    if name not in set(AgentName):
        raise RefusalError(f"--only cannot be {shown(text)!r}: it is {', '.join(AgentName)}.{_nearest(text, AgentName)}")
    return AgentName(name)


def parse_service(text: str) -> str:
    """A service's name: letters, digits and . _ - / : up to 200; else `RefusalError`."""
    name = bare(text)
    if not _SERVICE.fullmatch(name):
        raise RefusalError(
            f"--service cannot be {shown(text)!r}: a name has letters, digits and . _ - / : only, such as --service checkout."
        )
    return name


def typed(text: str) -> str:
    """Slack escapes what people type and turns names and addresses into markup: take that back."""
    text = _MARKUP.sub(lambda match: match[1] if not match[2] or (" " in match[2] and is_link(match[1])) else match[2], text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return printable(text.translate(_QUOTES))


def _options(verb: str, words: Sequence[Word], now: datetime) -> tuple[list[str], dict[str, list[str]]]:
    """The words that belong to no flag, and the values of each flag; only a place may be named several times."""
    plain: list[str] = []
    flags: dict[str, list[str]] = {}
    left = list(words)
    while left:
        word, quoted = left.pop(0)
        flag = None if quoted else _FLAG.fullmatch(word)
        if flag is None:
            plain += [said] if (said := word.strip('" ')) else []
            continue
        name = flag[1].lower()
        if name not in _FLAGS[verb]:
            raise _refusal(verb, f"There is no --{shown(name)}.{_nearest(name, _FLAGS[verb], '--')}")
        if name in flags and name not in _PLACES:
            raise _refusal(verb, f"--{name} is given twice.")
        if flag[2] is not None:
            left.insert(0, (flag[2], True))
        flags.setdefault(name, []).append(_value(verb, name, left, now))
    return plain, flags


def _value(verb: str, name: str, left: list[Word], now: datetime) -> str:
    """The next word, or as many as make a time (`20 m`, `2 hours ago`); they are taken from what is left."""
    value, quoted = left[0] if left else ("", True)
    if not value.strip('"') or (not quoted and _FLAG.fullmatch(value)):
        raise _refusal(verb, f"--{name} needs a value.")
    count = _length_of_time(left, now) if name == "since" else 1
    taken = left[:count]
    del left[:count]
    return _plain_time(taken) if name == "since" else taken[0][0].strip('" ')


def _plain_time(words: Sequence[Word]) -> str:
    return " ".join(word for word, _ in words).strip(_AROUND_NAMES + ".,;!")


def _length_of_time(words: Sequence[Word], now: datetime) -> int:
    """How many of the words, the most that can, are a time; where none are, all until the next flag are what was meant as one."""
    until = next((at for at, (word, quoted) in enumerate(words) if not quoted and _FLAG.fullmatch(word)), len(words))
    for count in range(min(until, LONGEST_TIME), 0, -1):
        with suppress(RefusalError):
            parse_since(_plain_time(words[:count]), now)
            return count
    return until


def place(name: str, value: str) -> tuple[str, str]:
    """`--namespace shop` and `--in namespace=shop` say the same."""
    label = _LABEL.fullmatch(bare(value) if name == "in" else f"{name}={bare(value)}")
    if label is None:
        raise RefusalError(f"--{name} cannot be {shown(value)!r}: write a label and its value, such as --in namespace=shop.")
    return label[1], label[2]


def _declare(plain: list[str], flags: dict[str, list[str]], now: datetime) -> Declare:
    title = " ".join(plain).strip()
    if not title:
        raise _refusal("declare", "Say in a few words what is wrong.")
    for name in _FLAGS["declare"]:
        if name not in flags:
            raise _refusal("declare", f"--{name} is missing.")
    return Declare(title, parse_service(flags["service"][0]), parse_since(flags["since"][0], now))


def _refusal(verb: str, problem: str) -> RefusalError:
    return RefusalError(f"{problem} The form is:\n{FORMS[verb]}")


def _nearest(word: str, known: Iterable[str], prefix: str = "") -> str:
    near = get_close_matches(word.lower()[:60], list(known), n=1)
    return f" Did you mean {prefix}{near[0]}?" if near else ""
