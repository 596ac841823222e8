"""How much surer the first answer may be than its share says: `python -m tests.bench.leader DIR…`; each DIR is a system.

Every case is investigated once and ranked again with each factor of `GRID` in place of `rank.LEADER`. Of each system left out in turn the
factor is the smallest of those with which the others' expected calibration error is at most `GOAL` (the least of all, where none is).
Printed are, for each factor, that error of all systems, how many healthy cases blame nobody, and how many of the surest are right; then
each system's error with the factor of the others.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from compass_core import evaluation
from compass_core.domain import Tried
from compass_core.hypotheses import rank
from compass_core.hypotheses.coverage import lowered

if TYPE_CHECKING:
    from compass_core.evaluation import Case

GRID = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)
GOAL = 0.10


def cases(path: Path) -> list[Case]:
    """What is said of one case with each factor; nothing of one whose truth is not known."""
    right = evaluation.answers(path)
    told = asyncio.run(evaluation._investigate(path))
    tried = [Tried(service=one.service, mechanism=one.mechanism, tests=one.tests) for one in told.hypotheses if one.tests]
    found = []
    for factor in GRID if right is not None else ():
        rank.LEADER = factor
        again = lowered(rank.rank(told.runs, tried, told.investigation.incident.services), told.coverage)
        found.append(evaluation.score(path.name, told.model_copy(update={"hypotheses": again}), right))
    return found


def chosen(systems: list[list[list[Case]]]) -> int:
    """The place of the factor for these systems."""
    errors = [evaluation.measure("", [each[at] for one in systems for each in one])["ece"] for at in range(len(GRID))]
    return next((at for at, error in enumerate(errors) if error <= GOAL), errors.index(min(errors)))


def main(directories: list[str]) -> None:
    """Print the tables."""
    systems: dict[str, list[list[Case]]] = {}
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=evaluation._begin) as pool:
        for directory in directories:
            systems[directory] = [one for one in pool.map(cases, evaluation.find([Path(directory)])) if one]
    everyone = [one for cases in systems.values() for one in cases]
    for at, factor in enumerate(GRID):
        all_ = evaluation.measure("", [one[at] for one in everyone])
        print(f"{factor:4}  ECE {all_['ece']:.3f}  healthy {all_['healthy']}  surest {all_['bands'][-1]}")
    unseen: list[Case] = []
    for name, mine in systems.items():
        at = chosen([cases for other, cases in systems.items() if other != name])
        held = [one[at] for one in mine]
        unseen += held
        print(f"{name:40} n {len(held):4}  factor of the others {GRID[at]}  ECE {evaluation.measure('', held)['ece']:.3f}")
    print(f"all, each with the factor of the others: ECE {evaluation.measure('', unseen)['ece']:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
