"""How much of what should have been looked at was: what was not can refute any cause, so it lowers the confidence of all."""

from collections.abc import Iterable, Sequence

from compass_core.domain import AgentName, Findings, Gap, Hypothesis, Outcome, Run
from compass_core.errors import Reason
from compass_core.hypotheses import calibrated
from compass_core.hypotheses.propose import sure

KINDS = {"metrics": "Prometheus", "logs": "Loki", "traces": "Tempo"}
HALF = 0.5  # what counts of an agent that did not finish, and of a kind of telemetry of which a part could not be read
UNTESTED, CONTRADICTED = 0.79, 0.5  # below what is called very likely, and what is called likely
ANSWERS = frozenset({Reason.NO_DATA, Reason.TRUNCATED, Reason.NOT_CONFIGURED})  # nobody expects more of what says this


def coverage(runs: Sequence[Run]) -> float:
    """From 0 to 1: the share of the agents that finished × of the telemetry that could be read × how far the baseline can be trusted.

    Half of that where nothing is known of what the incident is about. A source or an agent that is not configured does not count; an agent
    that was left out by `--only` does: how often answers are right was counted with all three.
    """
    wanted = len(AgentName) - sum(run.reason == "not configured" for run in runs)
    finished = sum(map(_finished, runs)) / max(1, wanted)
    gaps = [gap for run in runs for gap in run.findings.gaps]
    expected = [kind for kind in KINDS if not any(_is_of(gap, kind) and gap.reason is Reason.NOT_CONFIGURED for gap in gaps)]
    lost, nothing = unread(runs), silent(runs)
    read = [0.0 if kind in lost and kind in nothing else HALF if kind in lost else 1.0 for kind in expected]
    return finished * (sum(read) / len(read) if read else 1.0) * clean(runs) * (HALF if nobody_knows(runs) else 1.0)


def lowered(hypotheses: Iterable[Hypothesis], share: float) -> tuple[Hypothesis, ...]:
    """The hypotheses with that share of their confidence, in their order; none is surer than the worst system or its tests allow."""
    most = {"survived": calibrated.MEASURED.ceiling, "contradicted": CONTRADICTED, "untested": min(calibrated.MEASURED.ceiling, UNTESTED)}
    return tuple(sure(one, min(most[one.verdict], one.confidence * share)) for one in hypotheses)


def unread(runs: Iterable[Run]) -> tuple[str, ...]:
    """The kinds of telemetry of which something could not be read, though the source is configured."""
    gaps = [gap for run in runs for gap in run.findings.gaps if gap.reason not in ANSWERS]
    return tuple(kind for kind in KINDS if any(_is_of(gap, kind) for gap in gaps))


def clean(runs: Iterable[Run]) -> float:
    """How far, from 0 to 1, the time before can be trusted to show what is usual."""
    return min((run.findings.looked.clean for run in runs if run.findings.looked), default=1.0)


def nobody_knows(runs: Iterable[Run]) -> str:
    """What is said of the incident's own things where no source knows them; a gap of no source tells it. '' where they are known."""
    return next((gap.detail for run in runs for gap in run.findings.gaps if not gap.source), "")


def absent(runs: Iterable[Run]) -> tuple[AgentName, ...]:
    """The agents whose turn did not come, or not to its end."""
    return tuple(name for name in AgentName if name not in {run.agent for run in runs})


def is_blind(runs: Sequence[Run]) -> bool:
    """Some agent looked, and none of them observed anything or got an answer with anything in it."""
    return silent(runs) >= set(KINDS) and not any(run.findings.observations for run in runs)


def silent(runs: Iterable[Run]) -> frozenset[str]:
    """The kinds of telemetry that gave nothing to any agent; one whose time was up before it had anything got none."""
    ran = [run for run in runs if run.outcome is not Outcome.SKIPPED]
    late = [run.outcome is Outcome.STOPPED and run.findings == Findings() for run in ran]
    each = [frozenset(KINDS if nothing else run.findings.silent) for run, nothing in zip(ran, late, strict=True)]
    return frozenset.intersection(*each) if each else frozenset()


def _finished(run: Run) -> float:
    if run.outcome in {Outcome.ANSWERED, Outcome.SKIPPED}:
        return float(run.outcome is Outcome.ANSWERED)
    return HALF if run.findings.observations else 0.0


def _is_of(gap: Gap, kind: str) -> bool:
    return gap.source in {kind, KINDS[kind]}
