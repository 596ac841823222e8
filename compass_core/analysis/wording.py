"""Numbers as a person reads them."""

_SIZES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"))


LONGEST = 300  # characters of a summary
EXTRAPOLATED = 0.02  # of a count, by which Prometheus may miss the whole number: 1.01 restarts are one


def plain(text: str) -> str:
    """Text from outside as one line of at most `LONGEST` characters, without what cannot be printed."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text[: 4 * LONGEST]).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def amount(value: float, unit: str = "") -> str:
    """`0.97, "ratio"` → `97%`; `0.0123, "s"` → `12.3 ms`; `3e9, "bytes"` → `2.79 GiB`; anything else with its unit behind it."""
    if unit == "ratio":
        return f"{_short(value * 100)}%"
    if unit in {"s", "ms"}:
        seconds = value if unit == "s" else value / 1000
        return f"{_short(seconds)} s" if abs(seconds) >= 1 else f"{_short(seconds * 1000)} ms"
    if unit in {"bytes", "B/s"}:
        size, name = next(((size, name) for size, name in _SIZES if abs(value) >= size), (1.0, "B"))
        return f"{_short(value / size)} {name}{'/s' if unit == 'B/s' else ''}"
    if not unit and abs(value - round(value)) <= EXTRAPOLATED * abs(value):
        value = round(value)
    return f"{_short(value)}{unit}" if unit.startswith("/") else f"{_short(value)} {unit}".rstrip()


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits are what a person compares
