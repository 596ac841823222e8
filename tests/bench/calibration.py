"""How sure answers may sound: `python -m tests.bench.calibration DIR… --seen DIR… [--write]`; the same cases give the same bands.

Every case is investigated with its confidence as it is before the ceiling. A folder is a system. The ceiling is fitted leaving one
system out, and what is printed for a system is what it got by the others. The bands hold the answers of the folders that no rule was tried
on (worlds of a new seed: `worlds.py --seed N`), never those of `--seen`.
"""

from __future__ import annotations

import argparse
import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from compass_core import evaluation, telemetry
from compass_core.hypotheses import calibrated
from compass_core.hypotheses.calibrated import Band, Calibration

WORDS = (("Very likely", 0.8), ("Likely", 0.6), ("Possible", 0.25), ("Unlikely", 0.0))
SURE, FEWEST = 0.8, 8  # from here on an answer is of the surest; so many of them tell what a system allows


class Answer(NamedTuple):
    """The first answer of a case."""

    system: str
    confidence: float
    right: bool
    new: bool


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folders", metavar="DIR", nargs="+", type=Path, help="sets of cases that no rule was tried on")
    asked.add_argument("--seen", metavar="DIR", nargs="*", default=[], type=Path, help="sets that rules were tried on")
    asked.add_argument("--write", action="store_true", help="into the package")
    asked.add_argument("--processes", type=int, default=1)
    options = asked.parse_args()
    answers = [*answered(options.folders, options.processes, new=True), *answered(options.seen, options.processes, new=False)]
    measured = fitted(answers)
    for line in told(answers):
        print(line)
    print(measured.model_dump_json(indent=2))
    if options.write:
        Path(calibrated.__file__).with_name("calibration.json").write_text(measured.model_dump_json(indent=2) + "\n", encoding="utf-8")


def answered(folders: list[Path], processes: int, *, new: bool) -> list[Answer]:
    """The first answer of each case whose truth is known; of a healthy case none is right."""
    cases = evaluation.find(folders)
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_begin) as pool:
        scored = list(pool.map(evaluation.investigate, cases))
    return [
        Answer(case.parent.name, one["confidence"], one["rank"] == 1, new)
        for case, one in zip(cases, scored, strict=True)
        if isinstance(one, dict) and (one["rank"] is not None or one["calm"] is not None)
    ]


def fitted(answers: list[Answer]) -> Calibration:
    """The ceiling of all systems, and the bands of answers that each were held below the ceiling of the others."""
    held = [
        one._replace(confidence=min(one.confidence, ceiling([other for other in answers if other.system != one.system])))
        for one in answers
        if one.new
    ]
    bands, most = [], 1.01
    for word, least in WORDS:
        inside = [one.right for one in held if least <= one.confidence < most]
        bands.append(Band(word=word, least=least, n=len(inside), right=sum(inside)))
        most = least
    return Calibration(ceiling=ceiling(answers), bands=tuple(bands))


def ceiling(answers: list[Answer]) -> float:
    """The share of right ones among the surest answers of the worst system, as far as so many tell it (Laplace)."""
    shares = [0.97]
    for system in {one.system for one in answers}:
        sure = [one.right for one in answers if one.system == system and one.confidence >= SURE]
        shares += [(sum(sure) + 1) / (len(sure) + 2)] if len(sure) >= FEWEST else []
    return round(min(shares), 2)


def told(answers: list[Answer]) -> list[str]:
    """For each system, held below the ceiling of the others: how many, how far off, and how many of the surest are right."""
    lines = []
    everyone: list[Answer] = []
    for system in sorted({one.system for one in answers}):
        most = ceiling([one for one in answers if one.system != system])
        mine = [one._replace(confidence=min(one.confidence, most)) for one in answers if one.system == system]
        everyone += mine
        lines.append(_line(system, mine))
    return [*lines, _line("all", everyone)]


def _line(name: str, answers: list[Answer]) -> str:
    fifths = [[one for one in answers if fifth / 5 < one.confidence <= (fifth + 1) / 5] for fifth in range(5)]
    error = sum(abs(sum(one.confidence - one.right for one in each)) for each in fifths) / max(1, len(answers))
    sure = [one.right for one in answers if one.confidence >= SURE]
    return f"{name:20} n {len(answers):4}  right {sum(one.right for one in answers):4}  ECE {error:.2f}  surest {sum(sure)} of {len(sure)}"


def _begin() -> None:
    telemetry.configure(level=logging.WARNING)
    calibrated.MEASURED = Calibration(bands=(Band(word="", least=0, n=0, right=0),))


if __name__ == "__main__":
    main()
