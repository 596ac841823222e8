"""Secrets out of text. The same value gets the same placeholder from one `Redactor`, so that one can still follow it."""

import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from hashlib import blake2b

from compass_core.redaction.forms import KINDS, Form, folded, table
from compass_core.redaction.values import is_word

HIDDEN = "[hidden]"
PLACEHOLDER = re.compile(rf"<(?:{'|'.join(KINDS)})-[0-9]{{1,9}}>|{re.escape(HIDDEN)}")
ROUNDS = 1_000  # more than any text needs: each makes what is not a placeholder shorter
PIECE = re.compile(r"[^\n]{1,4000}")  # what a configured expression is given at a time
MOST_NAMES = 100_000  # that a redactor knows again; then it begins anew, with other numbers


class Redactor:
    """`redactor(text)` is the text with a placeholder (`<email-1>`, `<token-2>`) for each secret.

    Made once for a process, and safe to call from several threads. It keeps no secret, only a hash under a key that ends with
    it; except those in names that telemetry is asked by. `configured` are expressions of which every match is a secret.
    """

    def __init__(self, configured: Sequence[re.Pattern[str]] = ()) -> None:
        self._configured = tuple(configured)
        self._key = secrets.token_bytes(32)
        self._names: dict[bytes, str] = {}
        self._asked_by: dict[str, str] = {}
        self._count = itertools.count(1)

    def __call__(self, text: str) -> str:
        """Redacted text; redacting it again changes nothing."""
        return _clean(text, self._name, self._configured)

    def name(self, text: str) -> str:
        """As a call, of a name that telemetry is asked by: `raw` still knows it."""
        return _clean(text, self._name_asked_by, self._configured)

    def raw(self, name: str) -> str:
        """What telemetry calls it; for queries alone."""
        while self._asked_by and (told := PLACEHOLDER.sub(lambda found: self._asked_by.get(found[0], found[0]), name)) != name:
            name = told  # a value may hold the placeholder of another
        return name

    def __repr__(self) -> str:
        return f"<Redactor with {len(self._names)} placeholders>"

    def _name(self, kind: str, value: str) -> str:
        hashed = blake2b(value.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()
        if len(self._names) >= MOST_NAMES:
            self._names.clear()
            self._asked_by.clear()
        return self._names.get(hashed) or self._names.setdefault(hashed, f"<{kind}-{next(self._count)}>")

    def _name_asked_by(self, kind: str, value: str) -> str:
        placeholder = self._name(kind, value)
        self._asked_by[placeholder] = value
        return placeholder


def hidden(text: str, configured: Sequence[re.Pattern[str]] = ()) -> str:
    """The text with `[hidden]` for each secret."""
    return _clean(text, lambda _kind, _value: HIDDEN, configured)


def expression(text: str) -> re.Pattern[str]:
    """A configured expression; the text of a ValueError says what is wrong and does not quote it: it may spell out a secret.

    A repeated group that itself varies, as in `(a+)+`, is refused: on some texts it would take for ever.
    """
    try:
        pattern = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {getattr(error, 'msg', 'it is too large')}") from None
    if pattern.search("") is not None:
        raise ValueError("matches the empty text: a part of it must be there, + in place of *")
    varies = [False]  # of the groups that are open, the whole first
    pieces = re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?[^()]*?[:=!>])?|\)(?:[*+]|\{\d*,)?|[|*+?{]", text, re.DOTALL)
    for piece in pieces:
        if piece[0] == "(":
            varies.append(False)
        elif piece[0] == ")":
            within = varies.pop() if len(varies) > 1 else False
            if within and len(piece) > 1:
                raise ValueError("repeats a group that itself varies, as (a+)+ does: repeat what is in the group, or nothing")
            varies[-1] |= within or len(piece) > 1
        else:
            varies[-1] |= piece in "|*+?{"
    return pattern


def _clean(text: str, name: Callable[[str, str], str], configured: Sequence[re.Pattern[str]]) -> str:
    """Replace until nothing is left: a placeholder inside of what was a longer secret becomes a part of its placeholder."""
    for _ in range(ROUNDS):
        before = text
        for form in table().possible(text):
            text = _replaced(text, form, name)
        for pattern in configured:
            text = _replaced_configured(text, pattern, name)
        if text == before:
            break
    return text


def _replaced(text: str, form: Form, name: Callable[[str, str], str]) -> str:
    seen = folded(text) if form.folded else text
    hidden_at = [found.span() for found in PLACEHOLDER.finditer(text)]
    done, parts, at = 0, [], 0
    while match := form.pattern.search(seen, at):
        start, end = _span(match)
        for begins, ends in hidden_at:  # a placeholder is taken whole
            if begins < end and start < ends and not (begins <= start and end <= ends):
                start, end = min(start, begins), max(end, ends)
        value = text[start:end]
        is_new = start < end and not any(begins <= start and end <= ends for begins, ends in hidden_at)
        if is_new and start >= done and form.is_secret(match, value):
            parts += [text[done:start], name(form.kind, value)]
            done = at = end
        else:
            at = max(start, match.start() + 1)  # what was refused may hold another
    return "".join((*parts, text[done:])) if parts else text


def _span(match: re.Match[str]) -> tuple[int, int]:
    """Where the secret is. One without quotes ends before the brackets and the full stop of what surrounds it."""
    groups = match.re.groupindex
    if "bare" not in groups:
        return match.span("v")
    start, end = next(match.span(group) for group in ("quoted", "bare", "element") if match[group] is not None)
    if match["bare"] is None:
        return start, end
    if "words" in groups and _is_whole_line(match):
        of_it = itertools.takewhile(lambda word: not is_word(word.strip().rstrip(".!?")), re.findall(r"\s+\S+", match["words"]))
        end += len("".join(of_it))  # not of what is said of it
    while end > start and _surrounds(match.string[start:end]):
        end -= 1
    return start, end


def _is_whole_line(match: re.Match[str]) -> bool:
    """A value of several words: after a colon, or of a line that is nothing but a name and its value."""
    begins = match.start("bare")
    line = match.string.rfind("\n", 0, begins) + 1
    return bool(
        re.search(r":\s+\Z", match.string[match.end("name") : begins]) or re.fullmatch(r"\s*[\w.-]+\s*=\s*", match.string[line:begins])
    )


def _surrounds(value: str) -> bool:
    opening = {")": "(", "]": "[", "}": "{", ">": "<"}.get(value[-1])
    return value[-1] in ".:" or (opening is not None and value.count(value[-1]) > value.count(opening))


def _replaced_configured(text: str, pattern: re.Pattern[str], name: Callable[[str, str], str]) -> str:
    def piece(found: re.Match[str]) -> str:
        return pattern.sub(lambda match: name("custom", match[0]) if match[0] else "", found[0])

    parts = re.split(f"({PLACEHOLDER.pattern})", text)
    return "".join(part if at % 2 else PIECE.sub(piece, part) for at, part in enumerate(parts))
