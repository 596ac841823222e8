from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

from bot.blocks import HYPOTHESES, root, text_of, told
from bot.report import report
from bot.terminal import TerminalThread
from bot.words import looked_at
from compass_core.domain import AgentName, Conclusion, Findings, Looked, Outcome, Prediction, Window
from tests.bot.made import GAP, INVESTIGATION, conclusion, hypothesis, observation, progress, run, skipped

PREDICTION = Prediction(signal="sessions", service="postgres-orders", comparison="> 95")
LOOKED = Looked(
    window=Window(start=datetime(2026, 1, 5, 13, 50, tzinfo=UTC), end=datetime(2026, 1, 5, 14, 20, tzinfo=UTC)),
    baseline=Window(start=datetime(2026, 1, 5, 13, 30, tzinfo=UTC), end=datetime(2026, 1, 5, 13, 50, tzinfo=UTC)),
    why="failing requests of checkout changed at 13:51 UTC",
    clean=0.75,
)


def test_which_time_was_looked_at_and_why_is_told() -> None:
    """In `--json` and in the words of the terminal, however many agents looked."""
    ended = conclusion(runs=(run(), run(findings=Findings(looked=LOOKED))))
    assert report(ended)["looked"] == {
        "window": {"start": "2026-01-05T13:50:00Z", "end": "2026-01-05T14:20:00Z"},
        "baseline": {"start": "2026-01-05T13:30:00Z", "end": "2026-01-05T13:50:00Z"},
        "why": "failing requests of checkout changed at 13:51 UTC",
        "clean": 0.75,
    }
    line = looked_at(LOOKED)
    assert (
        line == "Looked at 2026-01-05 13:50 to 14:20 UTC, compared with 13:30 to 13:50: failing requests of checkout changed at 13:51 UTC"
    )
    assert "2026-01-05 13:50 to 14:20 UTC" in root(INVESTIGATION, ended).text
    assert line in text_of(told(ended, HYPOTHESES))


def test_the_object_has_the_stable_shape() -> None:
    ended = conclusion(
        runs=(run(cost=Decimal("0.0021")), skipped(AgentName.DATABASE), skipped(AgentName.NETWORK)),
        hypotheses=(hypothesis(evidence_against=("A2",), predictions=(PREDICTION,), next_check="Count its sessions."),),
        costs={AgentName.APPLICATION: Decimal("0.0021")},
        outcome=Outcome.OUT_OF_BUDGET,
        reason="application: too dear",
    )
    assert json.loads(json.dumps(report(ended))) == {
        "outcome": "out_of_budget",
        "coverage": 1.0,
        "reason": "application: too dear",
        "incident": {"id": "INC-42", "title": "Checkout is slow", "services": ["checkout"], "started_at": "2026-01-05T14:03:00Z"},
        "agents": [
            {
                "name": "application",
                "outcome": "answered",
                "unrefined": "no model is configured",
                "seconds": 1.94,
                "cost_usd": "0.0021",
                "gaps": [{"source": "traces", "reason": "not_configured", "detail": "no traces: Tempo is not configured"}],
                "observations": [
                    {
                        "id": "A1",
                        "source": "metrics",
                        "signal": "error ratio",
                        "service": "checkout",
                        "summary": "error ratio of checkout 12% (before: 0.1%)",
                        "value": 0.12,
                        "baseline": 0.001,
                        "unit": "",
                        "reduction": "max over the window",
                        "onset": "2026-01-05T14:03:15Z",
                        "onset_within": None,
                        "score": 0.9,
                        "query": 'sum(rate(x{service="checkout"}[1m]))',
                        "link": "https://grafana.example/explore?a=1",
                        "window": {"start": "2026-01-05T14:03:00Z", "end": "2026-01-05T14:15:00Z"},
                        "step": 15.0,
                    }
                ],
            },
            {
                "name": "database",
                "outcome": "skipped",
                "reason": "budget",
                "seconds": 0.0,
                "cost_usd": "0.0000",
                "gaps": [],
                "observations": [],
            },
            {
                "name": "network",
                "outcome": "skipped",
                "reason": "budget",
                "seconds": 0.0,
                "cost_usd": "0.0000",
                "gaps": [],
                "observations": [],
            },
        ],
        "hypotheses": [
            {
                "rank": 1,
                "agent": "database",
                "service": "postgres-orders",
                "mechanism": "connection_exhaustion",
                "statement": "All connections of postgres-orders are taken.",
                "initial_confidence": 0.86,
                "confidence": 0.86,
                "verdict": "untested",
                "evidence_for": ["A1"],
                "evidence_against": ["A2"],
                "predictions": [{"signal": "sessions", "service": "postgres-orders", "comparison": "> 95"}],
                "next_check": "Count its sessions.",
                "model_says": "",
                "by_rules": True,
                "tests": [],
                "brought_about_by": [],
                "explains": [],
                "story": "",
            }
        ],
        "cost": {
            "total_usd": "0.0021",
            "budget_usd": "10.00",
            "by_agent": {"application": "0.0021", "database": "0.0000", "network": "0.0000"},
        },
    }


def test_an_observation_without_an_onset_says_so() -> None:
    seen = observation(onset=None, link=None)
    told = report(conclusion(runs=(run(findings=Findings(observations=(seen,))),)))["agents"][0]["observations"][0]
    assert (told["onset"], told["link"]) == (None, None)


async def story(*runs: object, ended: Conclusion | None = None) -> str:
    out = StringIO()
    thread = TerminalThread(out)
    await thread.opened(INVESTIGATION)
    for one in runs:
        await thread.agent_finished(INVESTIGATION, *progress(run(**one)))  # type: ignore[arg-type]  # keywords of a run
    await thread.concluded(ended or conclusion())
    return out.getvalue()


async def test_the_terminal_tells_the_story_in_order() -> None:
    written = await story({"hypotheses": (hypothesis(),)}, {"agent": AgentName.NETWORK, "findings": Findings(gaps=(GAP,))})
    parts = (
        "INC-42: Checkout is slow",
        "Application suspects postgres-orders: connection exhaustion",
        "error ratio of checkout 12% (before: 0.1%) A1 (https://grafana.example",
        "Could not check: traces (not configured)",
        "Network: nothing unusual",
        "INC-42: finished in 5.2 s",
        "1. postgres-orders: connection exhaustion, very likely (86%, untested)",
        "Rules only",
    )
    positions = [written.index(part) for part in parts]
    assert positions == sorted(positions)


async def test_the_terminal_gets_no_control_characters() -> None:
    written = await story({"findings": Findings(observations=(observation(summary="\x1b[2Jgone\x07 \u202eback"),))})
    assert "[2Jgone back" in written
    assert not {"\x1b", "\x07", "\u202e"} & set(written)


async def test_the_terminal_counts_what_it_leaves_out_and_says_that_nothing_was_found() -> None:
    seen = tuple(observation(f"A{number}") for number in range(9))
    nothing = conclusion(hypotheses=(), runs=(run(findings=Findings()), skipped(AgentName.DATABASE, "left out")))
    written = await story({"findings": Findings(observations=seen), "hypotheses": (hypothesis(),)}, ended=nothing)
    assert "9 unusual signals, 3 shown" in written
    assert "Nothing unusual was found" in written
    assert "Database did not run: left out by --only" in written


async def test_the_terminal_shows_whatever_is_cited_with_its_query() -> None:
    seen = tuple(observation(f"A{number}", score=0.1, query=f"q{number}", link=None) for number in range(9))
    late = hypothesis(0.1, evidence_for=("A7",), evidence_against=("A8",))
    written = await story(ended=conclusion(runs=(run(findings=Findings(observations=seen)),), hypotheses=(hypothesis(), late)))
    assert all(part in written for part in ("for: A1 error ratio", "for: A7 error ratio", "q7", "against: A8 error ratio", "q8"))
    assert "A2" not in written


async def test_the_terminal_says_first_that_it_may_be_normal() -> None:
    written = await story(ended=conclusion(hypotheses=(hypothesis(0.1),)))
    parts = ("Nothing stands out in what could be read: this may be normal.", "1. postgres-orders", "COMPASS_TEMPO_URL, for Tempo")
    positions = [written.index(part) for part in parts]
    assert positions == sorted(positions)
