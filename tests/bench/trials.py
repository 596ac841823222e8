"""What testing hypotheses is worth: `python -m tests.bench.trials DIR…`; each DIR holds recorded cases.

Every case is investigated once and ranked with and without what its tests say. Printed are, of the first answers from `SURE` on as they
were before the tests, how many of the wrong and of the right ones were contradicted, and how often each test did that; then AC@1 without and with.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from compass_core import evaluation
from compass_core.hypotheses.coverage import lowered
from compass_core.hypotheses.rank import rank

SURE = 0.6


class Leader(NamedTuple):
    """The first answer before the tests, which of them contradicted it, and whether the first one is right without and with them."""

    confidence: float
    right: bool
    felled_by: tuple[str, ...]
    without: bool
    with_: bool


def leader(path: Path) -> Leader | None:
    """Of a case whose truth is known; of a healthy one no answer is right."""
    right = evaluation.answers(path)
    told = asyncio.run(evaluation._investigate(path))
    untested = lowered(rank(told.runs, (), told.investigation.incident.services), told.coverage)
    if right is None or not untested:
        return None
    first = untested[0]
    tested = next((one for one in told.hypotheses if one.about == first.about), first)
    before = evaluation.score("", told.model_copy(update={"hypotheses": untested}), right)
    after = evaluation.score("", told, right)
    by = tuple(one.name for one in tested.tests if one.verdict == "contradicted")
    return Leader(first.confidence, first.service in {one.service for one in right}, by, before["rank"] == 1, after["rank"] == 1)


def main(directories: list[str]) -> None:
    """Print the figures."""
    cases = evaluation.find(map(Path, directories))
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=evaluation._begin) as pool:
        found = [one for one in pool.map(leader, cases) if one]
    for right in (False, True):
        sure = [one for one in found if one.right is right and one.confidence >= SURE]
        felled = [one for one in sure if one.felled_by]
        by = Counter(name for one in felled for name in one.felled_by)
        print(f"{'right' if right else 'wrong'} at {SURE} or more: {len(felled)} of {len(sure)} contradicted {dict(by)}")
    faulty = [evaluation.answers(path) for path in cases]
    n = sum(bool(one) for one in faulty)
    print(f"first answers right: {sum(one.without for one in found)} of {n} without the tests, {sum(one.with_ for one in found)} with them")


if __name__ == "__main__":
    main(sys.argv[1:])
