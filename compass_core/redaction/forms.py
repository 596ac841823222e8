"""What secrets look like in text: the table of all forms, from `forms.tsv`, `names.tsv` and `vendors.tsv`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from compass_core.redaction import notations, values
from compass_core.redaction.words import rows

KINDS = ("password", "token", "key", "cookie", "email", "card", "custom")


@dataclass(frozen=True)
class Form:
    """One way in which secrets are written. Group `v` of the pattern is the secret, `kind` the word for it.

    A text without any of `marks` cannot hold it (`=curl`: as the beginning of a word, `=akia*`: of a long one); a form without
    marks is a card number's. `folded` forms are looked for in the text in lower case. `is_secret` is given the match and the value.
    """

    kind: str
    marks: tuple[str, ...]
    text: str
    is_secret: values.Judge
    folded: bool

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Made when a text may hold one: most are never needed."""
        return re.compile(self.text)


def _forms() -> Iterator[Form]:
    for row in rows("forms"):
        if row == ["«vendors»"]:
            yield from _vendors()
        elif row == ["«names»"]:
            yield from _names()
        else:
            kind, case, judge, marks, pattern = row
            text = re.sub("«([A-Z]+)»", lambda part: notations.PARTS[part[1]], pattern)
            yield Form(kind, _marks(marks), text, values.judge(judge), case == "any")


def _marks(listed: str) -> tuple[str, ...]:
    return tuple(mark.replace("␠", " ").replace("␤", "\n") for mark in listed.split())


def _vendors() -> Iterator[Form]:
    """Noticed by the word that each begins with, or by its first letters where it is one word."""
    for kind, begins, rest, _ in rows("vendors"):
        is_parted = rest.startswith("[\\w")  # base64 for addresses may have a sign early
        marks = tuple(f"={begin}" if is_parted or not begin.isalnum() else f"={begin}*" for begin in begins.split())
        yield Form(kind, marks, f"(?P<v>(?:{'|'.join(map(re.escape, begins.split()))}){rest})(?!\\w)", values.is_given_out, folded=False)


def _names() -> Iterator[Form]:
    """Each name in every notation of a pair; a password's also as a block of YAML; then what stands beside a name."""
    names = [(kind, judge, near, _marks(marks), name) for kind, judge, near, marks, name in rows("names")]
    for kind, judge, _, marks, name in names:
        if kind == "password":
            yield Form(kind, marks, notations.block(name), values.judge(""), folded=True)
        yield Form(kind, marks, notations.pair(name, words=kind == "password"), values.judge(judge), folded=True)
    for kind, _, near, marks, name in names:
        if near:
            yield Form(kind, marks, notations.beside(name), values.judge(near), folded=True)


def folded(text: str) -> str:
    """The text in lower case, character by character: `İ` alone would become two."""
    return text.replace("İ", "I").lower()


class Table:
    """The forms in their order, and by what each is noticed: looking for a mark costs a fraction of looking for a form."""

    def __init__(self) -> None:
        self.forms = tuple(_forms())
        self._begins: dict[bytes, list[tuple[int, str]]] = {}
        self._parts: dict[tuple[bool, bool], dict[str, list[int]]] = {}
        for at, form in enumerate(self.forms):
            for mark in form.marks:
                if mark.startswith("="):
                    lower = mark[1:].rstrip("*").lower()
                    self._begins.setdefault(re.split(r"[^a-z0-9]", lower)[0][:4].encode(), []).append((at, lower))
                else:
                    self._parts.setdefault((form.folded, mark.isascii()), {}).setdefault(mark, []).append(at)

    def possible(self, text: str) -> Sequence[Form]:
        """The forms that may be in a text, in their order."""
        if not text.strip(_HEX):  # as most ids are: no mark is so written
            return self.forms[-1:] if _DIGITS.search(text) else ()
        lower = folded(text)
        plain = _ESCAPED.sub(" ", lower) if "\\" in lower or "%" in lower or "\x1b" in lower else lower
        words = plain.encode("utf-8", "replace").translate(_APART).split()
        begins = [begin for word in words if (begin := word[:4]) in self._begins]
        begins += [begin for word in words if len(word) > SHORT for begin in (word[:2], word[:3]) if begin in self._begins]
        found = {at for begin in begins for at, mark in self._begins[begin] if mark in lower}
        for (is_folded, is_ascii), parts in self._parts.items():
            if is_ascii or not text.isascii():
                within = lower if is_folded else text
                found.update([at for mark in parts if mark in within for at in parts[mark]])
        if _DIGITS.search(text):
            found.add(len(self.forms) - 1)
        return [self.forms[at] for at in sorted(found)]


@cache
def table() -> Table:
    """Every form, read once."""
    return Table()


_HEX = "0123456789abcdef"
SHORT = 13  # characters: the first letters of what a vendor gives out are followed by more
_APART = bytes(at if chr(at).isalnum() and at < 128 else 32 for at in range(256))  # noqa: PLR2004 - of ASCII
_ESCAPED = re.compile(r"\\(?:u[0-9a-f]{4}|[nrt])|%[0-9a-f]{2}|\[[0-9;]{1,9}m")
# what a card number, the last form, has for a mark
_DIGITS = re.compile(r"[2-6][0-9]{3}(?<!\w.{4})(?<!\w[.\-].{4})[ -]?[0-9]{4}[0-9 -]{0,3}[0-9]{4}")
