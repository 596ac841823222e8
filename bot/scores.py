"""What `compass eval` prints for people: measures and calibration, a line a set, and the cases that went worst; pure."""

from collections.abc import Iterable, Sequence

from bot.words import printable
from compass_core.evaluation import Case, Json

WORST = 10


def text(sets: Sequence[Json]) -> str:
    """Tables in plain text; `-` where nothing could be measured."""
    measures: list[tuple[str, ...]] = [
        ("set", "cases", "AC@1", "AC@3", "AC@5", "Avg@5", "MRR", "mechanism", "healthy", "ECE", "median s", "p95 s")
    ]
    measures += [(one["name"], str(one["n"]), *_shares(one), *(f"{value:.2f}" for value in one["seconds"].values())) for one in sets]
    causes: list[tuple[str, ...]] = [("mechanism", "cases", "service first", "and mechanism right")]
    causes += [
        (f"{one['name']} {cause}", *(str(number) for number in (told["n"], told["first"], told["mechanism"])))
        for one in sets
        for cause, told in one["mechanisms"].items()
    ]
    bands: list[tuple[str, ...]] = [("right at confidence", *(f"{fifth / 5:.1f}-{(fifth + 1) / 5:.1f}" for fifth in range(5)))]
    bands += [(one["name"], *(f"{band['right']}/{band['n']}" for band in one["bands"])) for one in sets]
    missed = [(case["rank"], one["name"], case) for one in sets for case in one["cases"] if case["rank"] is not None and case["rank"] > 1]
    missed.sort(key=lambda miss: -miss[0])
    worst: list[tuple[str, ...]] = [("worst", "rank", "of", "first was", "confidence")]
    worst += [_miss(rank, name, case) for rank, name, case in missed[:WORST]]
    return "\n\n".join(_table(rows) for rows in (measures, causes, bands, worst) if len(rows) > 1)


def _shares(one: Json) -> Iterable[str]:
    values = (one["ac@1"], one["ac@3"], one["ac@5"], one["avg@5"], one["mrr"], one["mechanism"])
    yield from ("-" if value is None else f"{value:.2f}" for value in values)
    yield f"{one['healthy']['calm']}/{one['healthy']['n']}" if one["healthy"]["n"] else "-"
    yield "-" if one["ece"] is None else f"{one['ece']:.2f}"


def _miss(rank: int, name: str, case: Case) -> tuple[str, ...]:
    """A rank beyond the list means that the true service is not in it."""
    listed = case["services"]
    first = listed[0]["service"] if listed else "-"
    return f"{name}/{case['case']}", str(rank) if rank <= len(listed) else "-", str(len(listed)), first, f"{case['confidence']:.2f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in cells
    )
