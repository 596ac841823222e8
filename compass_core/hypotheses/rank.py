"""Ranking is a sort: by confidence, ties in the order of the agents. Nothing is merged and nothing is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from compass_core.model import Hypothesis, Run


def rank(runs: Iterable[Run]) -> tuple[Hypothesis, ...]:
    """All hypotheses of all runs, the most confident first; `sorted` is stable, so ties keep the order of the runs."""
    return tuple(sorted((one for run in runs for one in run.hypotheses), key=lambda one: -one.confidence))
