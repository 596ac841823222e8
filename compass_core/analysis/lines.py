"""What a log line says, and how bad its writer takes it to be, through the wrappers of container engines, syslog and JSON."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal

from compass_core.readings import LogLine

Level = Literal["severe", "warning", "calm", ""]

LONGEST_LINE = 4_000  # characters of a line that are read
HEAD = 300  # characters in which a level stands
DEEPEST = 3  # wrappers around a line
MESSAGE_FIELDS = (
    *("msg", "message", "log", "event", "body", "body.stringvalue", "short_message", "textpayload", "jsonpayload.message"),
    *("jsonpayload.msg", "@m", "@mt", "renderedmessage"),
)
ERROR_FIELDS = ("error", "err", "exception", "exception.message", "error.message", "err.message", "@x")
_LEVEL_FIELDS = (
    *("level", "severity", "log.level", "loglevel", "log_level", "level_name", "levelname", "lvl", "severitytext", "severity_text"),
    *("severitynumber", "severity_number", "levelno", "level_value", "priority", "syslog.severity", "@l", "l", "s", "status"),
    *("jsonpayload.level", "jsonpayload.severity"),
)
_STATUS_FIELDS = ("status", "status_code", "statuscode", "response_code", "responsecode", "http.status_code", "res.statuscode")

_WORDS: Mapping[Level, str] = {
    "severe": "error errors err eror erro erreur errore fehler ошибка важно fatal ftl critical crit crt severe panic dpanic alert emergency"
    " emerg fail failure 错误 エラー 오류",
    "warning": "warning warnings warn wrn advertencia warnung avertissement предупреждение",
    "calm": "info inf information informational notice note debug dbg dbug trace trc trce verbose vrb fine finer finest config",
}
_LETTERS: Mapping[Level, str] = {"severe": "e f c", "warning": "w", "calm": "i d t v n"}
_LEVELS: Mapping[str, Level] = {word: level for table in (_WORDS, _LETTERS) for level, words in table.items() for word in words.split()}
_ANY_WORD = "|".join(sorted((word for words in _WORDS.values() for word in words.split()), key=len, reverse=True))
_CAPITALS = "|".join(word.upper() for word in _ANY_WORD.split("|"))

# up to which number, where errors begin, where warnings: pino and Python's JSON; Monolog; java.util.logging; Logback
_NUMBERS = ((100, 50, 40), (700, 400, 300), (9_999, 1000, 900), (99_999, 40_000, 30_000))
_OWN_NUMBERS = {"severitynumber": (17, 13), "severity_number": (17, 13), "levelno": (40, 30)}  # OpenTelemetry, Python
_SYSLOG = (8, 3, 4)  # of eight severities the worst is 0: errors up to 3, warnings 4

_ANSI = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
_CRI = re.compile(r"^\d{4}-\d\d-\d\dT\S+ (?:stdout|stderr) [FP] ")
_PRIORITY = re.compile(r"<(\d{1,3})>(?:1 \S+ \S+ \S+ \S+ \S+ (?:-|\[[^\]]*\]) |\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ (?:\S+: )?)?")
_PAIR = re.compile(r'\b([a-z@][\w.]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')
_TIME = r"(?:[\[(]?(?=[^\s\])]*\d)[\d\-T:.,+Z/]{4,}[\])]?\s+)"
_LEAD = re.compile(
    r"^[\[(]?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d|\s+UTC)?[\])]?\s*(?:\[\d+\]\s*)?"
    r"|^(?:trce|dbug|info|warn|fail|crit): \S+\[\d+\]\n\s*"  # .NET: what it says stands below
)
_STATUS = re.compile(
    r'"[A-Z]{3,7} [^"]*" (\d{3})\b|\| +(\d{3}) +\||\bCompleted (\d{3}) |-?\d+(?:/-?\d+){2,4} (\d{3}) \d+ '
    r"|^(?:GET|POST|PUT|PATCH|DELETE) \S+ (\d{3})\b"
)
_THREE_DIGITS = re.compile(r" \d{3}\b")  # without which there is no status, and quicker
# klog, Ruby, Tornado; a letter or a word behind the time or at the beginning
_BEGINS = re.compile(
    rf"([VDIWEFC])\d{{4}} \d\d:\d\d|([VDIWEF]), \[|\[([DIWEFC]) \d{{6}} |{_TIME}+[\[(|]?([VDIWEF])[\])|]?\s"
    rf"|{_TIME}+[\[(|]?(?i:({_ANY_WORD}))\b|\W*(?i:({_ANY_WORD})): "
)
_REDIS = re.compile(r"\d+:[MSCX] \d\d \w{3} (?:\d{4} )?[\d:.]+ ([#.*-]) ")
# in capitals, in brackets or in a field: the same words in a sentence say nothing of its level
_SAYS_LEVEL = re.compile(
    rf"\b({_CAPITALS})\b|(?i:(?:level|severity|lvl)\W{{1,4}}({_ANY_WORD})\b|[\[(<|](?:[\w.]+:)?({_ANY_WORD})[\])>|])|[\[|]([DIWEF])[\]|]"
)
_TROUBLE = re.compile(r"error|exception|fatal|panic|traceback|critical|severe|fail|erreur|fehler|ошибк|错误|エラー|오류", re.IGNORECASE)
_NONE = re.compile(
    r"\b(?:0|no|zero|without)(?: \w+)? (?:errors?|fail\w*|exceptions?)\b|\b(?:error|fail|exception)\w*\W{1,3}0\b", re.IGNORECASE
)
_CONTINUES = re.compile(r"\s+(?:at|File|from|in|\.\.\.) |Caused by: |Suppressed: |\s*\.\.\. \d+ (?:more|common)|\s+\S+\.(?:go|c|cc|rs):\d+")


def message(line: str) -> str:
    """What a line says: the message and error fields of JSON and logfmt, else its first line without the time before it."""
    _, fields, text = _opened(line)
    if fields is None:
        return _LEAD.sub("", text[:LONGEST_LINE], count=1).partition("\n")[0]
    said = (fields.get(name) for names in (MESSAGE_FIELDS, ERROR_FIELDS) for name in names)
    return ": ".join(dict.fromkeys(text for text in said if isinstance(text, str) and text)) or line


def level(line: LogLine) -> Level:
    """By the level in its text, by that of its source, or, where neither is there, by its words.

    A level within the text may be what the line is about: of it and the source's the milder holds. A server's failure (HTTP 5xx) in an
    access log is severe.
    """
    own, fields, text = _opened(line.line)
    told = _of_fields(fields or {}) or own
    said = message(line.line) if fields else text
    statuses = tuple(_statuses(fields or {}, said))
    if any(status.startswith("5") for status in statuses):
        return "severe"
    if told := told or _of_beginning(said):
        return told
    if statuses:
        return "calm"
    within, outside = _word(_SAYS_LEVEL.search(said[:HEAD])), _LEVELS.get(line.level, "")
    if within and outside:
        return max(within, outside, key=("severe", "warning", "calm").index)
    return within or outside or _of_words(said)


def severe(line: LogLine) -> bool:
    """It tells of an error."""
    return level(line) == "severe"


def continues(line: str) -> bool:
    """It is a part of a stack trace, whose first line tells what it is about."""
    return bool(_CONTINUES.match(line))


@lru_cache(maxsize=1024)
def _opened(line: str, depth: int = 0) -> tuple[Level, Mapping[str, object] | None, str]:
    """The level of its wrapper, its fields (None where it is plain text), and the text without wrappers."""
    text = _CRI.sub("", _ANSI.sub("", line) if "\x1b" in line else line, count=1)
    priority = _PRIORITY.match(text)
    own = _syslog(int(priority[1]) % 8) if priority else ""
    text = text[priority.end() :] if priority else text
    fields = _fields(text)
    inner = fields.get("log") if fields and "stream" in fields else None
    if isinstance(inner, str) and depth < DEEPEST:
        return _opened(inner.rstrip("\n"), depth + 1)
    return own, fields, text


def _fields(text: str) -> Mapping[str, object] | None:
    """The fields of JSON or logfmt, by names in lower case; those of an object within as `outer.inner`; None for any other text."""
    if text.startswith("{"):
        try:
            return dict(_flat(json.loads(text)))
        except (ValueError, TypeError, AttributeError, RecursionError):
            return {}
    if "=" not in text[:LONGEST_LINE]:
        return None
    fields = {name: quoted or plain for name, quoted, plain in _PAIR.findall(text[:LONGEST_LINE].partition("\n")[0])}
    return fields if any(name in fields for name in MESSAGE_FIELDS) else None  # a sentence with a pair in it is not logfmt


def _flat(found: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in found.items():
        yield name.lower(), value
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}".lower(), more) for inner, more in value.items())


def _of_fields(fields: Mapping[str, object]) -> Level:
    found = (_valued(name, fields[name]) for name in _LEVEL_FIELDS if name in fields)
    return next((one for one in found if one), "")


def _valued(name: str, value: object) -> Level:
    if isinstance(value, str) and not value.isdecimal():
        word = re.match(r"[^\W\d_]+", value.lower())
        return _LEVELS.get(word[0], "") if word else ""
    if isinstance(value, bool) or not isinstance(value, str | int) or name == "status":
        return ""
    number = int(value) if len(str(value)) < len("100000") else 0
    if own := _OWN_NUMBERS.get(name):
        return _numbered(number, *own)
    if number < _SYSLOG[0]:
        return _syslog(number)
    return next((_numbered(number, *marks) for most, *marks in _NUMBERS if number <= most), "")


def _numbered(number: int, error: int, warning: int) -> Level:
    return "severe" if number >= error else "warning" if number >= warning else "calm"


def _syslog(number: int) -> Level:
    _, error, warning = _SYSLOG
    return "severe" if number <= error else "warning" if number == warning else "calm"


def _statuses(fields: Mapping[str, object], text: str) -> Iterator[str]:
    values = (str(fields[name]) for name in _STATUS_FIELDS if isinstance(fields.get(name), str | int))
    yield from (value for value in values if re.fullmatch(r"[1-5]\d\d", value))
    if _THREE_DIGITS.search(text, 0, HEAD) and (found := _STATUS.search(text[:HEAD])):
        yield str(found[found.lastindex or 0])


def _of_beginning(text: str) -> Level:
    if redis := _REDIS.match(text):
        return "warning" if redis[1] == "#" else "calm"
    return _word(_BEGINS.match(text[:HEAD]))


def _word(found: re.Match[str] | None) -> Level:
    return _LEVELS[found[found.lastindex or 0].lower()] if found else ""


def _of_words(text: str) -> Level:
    text = text[:LONGEST_LINE]
    return "severe" if _TROUBLE.search(text) and _TROUBLE.search(_NONE.sub("", text)) else ""
