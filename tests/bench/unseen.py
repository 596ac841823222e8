"""How well it does on systems that its constants were not chosen with: `python -m tests.bench.unseen DIR…`.

Each DIR is a system (a set of recorded cases). Every case is investigated once; then what was observed is weighed again with other
constants. Of each system left out in turn the constants are chosen on the others: one after the other, the best of a small grid by the
mean over systems of the first answer's hits (AC@1). Printed are the hits with the constants as they are, as chosen without the system, and with each
constant taken out.
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from compass_core import evaluation
from compass_core.hypotheses import suspicion
from compass_core.hypotheses.propose import weigh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from compass_core.domain import Edge, Observation
    from compass_core.evaluation import Answer

GRID = (0.5, 0.75, 1.0, 1.5, 2.0)  # of what a constant is now
SCALARS = (
    "EXPLAINED",
    "NOBODY",
    "SHARPNESS",
    "EARLIER",
    "LESS_SPECIFIC",
    "THAT_NOT_WHY",
    "OTHERWISE",
)
OUT = {"EARLIER": 1.0, "LESS_SPECIFIC": 1.0, "THAT_NOT_WHY": 1.0, "OTHERWISE": 1.0}  # what a constant is where it does nothing, else 0

Constants = dict[str, float]


class Case(NamedTuple):
    """What was observed, and what is right to say."""

    observations: tuple[Observation, ...]
    edges: tuple[Edge, ...]
    services: tuple[str, ...]
    affected: tuple[str, ...]
    right: tuple[Answer, ...]


def observed(path: Path) -> Case | None:
    """A case with a cause, investigated."""
    right = evaluation.answers(path)
    if not right:
        return None
    conclusion = asyncio.run(evaluation._investigate(path))
    last = next((run.findings for run in reversed(conclusion.runs) if run.findings.suspects), None)
    if last is None:
        return Case((), (), (), (), right)
    seen = tuple(one for run in conclusion.runs for one in run.findings.observations)
    return Case(seen, last.edges, tuple(one.service for one in last.suspects), conclusion.investigation.incident.services, right)


def shipped() -> Constants:
    """The constants as they are."""
    return {name: getattr(suspicion, name) for name in SCALARS} | {f"weight {kind}": value for kind, value in suspicion.WEIGHTS.items()}


def use(constants: Constants) -> None:
    """Weigh with these from now on."""
    for name, value in constants.items():
        if name.startswith("weight "):
            suspicion.WEIGHTS[name.removeprefix("weight ")] = value  # type: ignore[index]
        else:
            setattr(suspicion, name, value)


def hits(cases: Sequence[Case]) -> tuple[float, float]:
    """The share of cases whose first answer names the service, and the share that names the mechanism too."""
    services = mechanisms = 0
    for case in cases:
        blamed = suspicion.suspects(case.observations, case.edges, case.services, case.affected)
        first = next(iter(weigh(case.observations, case.edges, blamed)), None)
        services += first is not None and first.confidence > 0 and first.service in {one.service for one in case.right}
        mechanisms += first is not None and (first.service, first.mechanism) in case.right
    return services / len(cases), mechanisms / len(cases)


def mean(systems: Mapping[str, Sequence[Case]], constants: Constants) -> tuple[float, float]:
    """Over systems, each counting the same."""
    use(constants)
    found = [hits(cases) for cases in systems.values()]
    return sum(one for one, _ in found) / len(found), sum(other for _, other in found) / len(found)


def chosen(systems: Mapping[str, Sequence[Case]]) -> Constants:
    """The constants that do best on these systems, chosen one after the other; what does not help stays as it is."""
    best = shipped()
    for name in best:
        tried = [{**best, name: best[name] * factor} for factor in GRID]
        scores = [(mean(systems, one)[0], -abs(GRID[at] - 1), at) for at, one in enumerate(tried)]
        best = tried[max(scores)[2]]
    return best


shipped_constants = shipped()


def main(directories: Sequence[str]) -> None:
    """Print the tables."""
    systems: dict[str, list[Case]] = {}
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=evaluation._begin) as pool:
        for directory in directories:
            found = pool.map(observed, evaluation.find([Path(directory)]))
            systems[Path(directory).name] = [case for case in found if case]
    print(f"{'system':<24}{'cases':>6}{'as it is':>10}{'unseen':>10}")
    for name, cases in systems.items():
        use(shipped_constants)
        own = hits(cases)[0]
        use(chosen({other: rest for other, rest in systems.items() if other != name}) if len(systems) > 1 else shipped_constants)
        print(f"{name:<24}{len(cases):>6}{own:>10.2f}{hits(cases)[0]:>10.2f}")
    service, mechanism = mean(systems, shipped_constants)
    print(f"\n{'mean over systems':<24}{'AC@1':>8}{'mechanism':>11}\n{'all constants':<24}{service:>8.3f}{mechanism:>11.3f}")
    for name in shipped_constants:
        service, mechanism = mean(systems, {**shipped_constants, name: OUT.get(name, 1e-9)})
        print(f"{'without ' + name:<24}{service:>8.3f}{mechanism:>11.3f}")
    use(shipped_constants)


if __name__ == "__main__":
    main(sys.argv[1:])
