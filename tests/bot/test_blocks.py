from __future__ import annotations

from decimal import Decimal
from itertools import starmap

import pytest

from bot import blocks
from compass_core.domain import AgentName, Findings, Gap, Outcome, Run
from compass_core.errors import Reason
from tests.bot.fitting import fits, shown
from tests.bot.made import GAP, INCIDENT, INVESTIGATION, conclusion, hypothesis, observation, progress, run, skipped
from tests.workspace.limits import nodes


def test_the_root_says_what_since_when_and_for_how_much() -> None:
    message = blocks.root(INVESTIGATION)
    fits(message)
    for said in ("INC-42", "Checkout is slow", "checkout", "critical", "2026-01-05 14:03 UTC", "$10.00"):
        assert said in shown(message)
        assert said in message.text
    assert "<!date^1767621780^" in shown(message)
    assert "investigating" in shown(message)


def test_the_root_says_how_it_ended() -> None:
    message = shown(blocks.root(INVESTIGATION, conclusion()))
    assert "finished" in message
    assert "86% postgres-orders: connection exhaustion" in message
    assert "$0.0000 / $10.00" in message


def test_an_update_shows_what_is_cited_first_with_query_and_cost() -> None:
    seen = tuple(observation(f"A{number}", score=number / 10) for number in range(7, 0, -1))
    message = blocks.agent_update(
        INVESTIGATION, progress(run(findings=Findings(observations=seen, gaps=(GAP,)), hypotheses=(hypothesis(0.71),)), "0.0021")
    )
    fits(message)
    told = shown(message)
    assert told.index("A1") < told.index("A7") < told.index("A6"), "what the hypothesis cites, then the run's own order"
    assert "A2" not in told
    assert "… 1 more" in told, "what hardly moved is no line and is not counted, unless it is cited"
    assert "Application saw 6 unusual things (1.9 s)" in told
    assert "max over the window, since 14:03:15 UTC" in told
    assert "71% postgres-orders: connection exhaustion" in told
    assert "no traces: Tempo is not configured" in told
    assert "$0.0021 / $10.00" in told
    assert "$0.0021 / $10.00" in message.text
    assert {node["url"] for node in nodes(message.blocks) if node.get("type") == "link"} == {"https://grafana.example/explore?a=1"}


def test_without_a_link_the_query_stands_there_as_code() -> None:
    message = blocks.agent_update(INVESTIGATION, progress(run(findings=Findings(observations=(observation(link=None),)))))
    assert [node["text"] for node in nodes(message.blocks) if node.get("style") == {"code": True}] == [observation().query]


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (run(findings=Findings()), "saw nothing unusual"),
        (run(outcome=Outcome.FAILED, reason="KeyError"), "saw 1 unusual thing and failed: KeyError"),
        (run(outcome=Outcome.STOPPED, reason="took longer than 90 s"), "stopped: took longer than 90 s"),
        (run(outcome=Outcome.OUT_OF_BUDGET, reason="$1.0000 was billed"), "out of budget: $1.0000 was billed"),
    ],
)
def test_an_update_says_plainly_how_the_run_ended(one: Run, told: str) -> None:
    assert told in shown(blocks.agent_update(INVESTIGATION, progress(one)))


def test_the_final_message_ranks_cites_and_shows_what_was_contradicted() -> None:
    ended = conclusion(
        hypotheses=(hypothesis(), hypothesis(0.1, verdict="contradicted", evidence_against=("A1", "Z9"))),
        runs=(run(), skipped(AgentName.DATABASE), skipped(AgentName.NETWORK, "left out")),
        costs={AgentName.APPLICATION: Decimal("4.45")},
    )
    message = blocks.final(ended)
    fits(message)
    told = shown(message)
    for said in ("1. 86% postgres-orders: connection exhaustion", "All connections of", "2. 10%", "contradicted by its tests", "Against: "):
        assert said in told
    assert "Database did not run: the budget is used up" in told
    assert "Network did not run: left out by --only" in told
    assert "Application: $4.4500 · Database: $0.0000 · Network: $0.0000 · Total: $4.4500 / $10.00 · Utilization: 44.5%" in told
    assert "rules only" not in told
    assert [node["text"] for node in nodes(message.blocks) if node.get("type") == "link"] == ["A1", "A1", "A1"]
    button = next(node for node in nodes(message.blocks) if node.get("type") == "button")
    assert (button["action_id"], button["value"], button["text"]["text"]) == ("reinvestigate", "0f3a", "Re-investigate")


def test_the_final_text_stands_alone() -> None:
    message = blocks.final(conclusion())
    assert "INC-42: finished" in message.text
    assert "1. 86% postgres-orders: connection exhaustion" in message.text
    assert "$0.0000 / $10.00" in message.text
    assert "No model's answer was used: no model is configured." in shown(message)
    assert "No model's answer was used: no model is configured." in message.text


def test_all_of_a_dozen_hypotheses_with_long_links_are_shown() -> None:
    seen = tuple(observation(f"A{number}", link="https://g.example/" + "q" * 900) for number in range(12))
    ranked = tuple(hypothesis(0.9 - rank / 20, evidence_for=(f"A{rank}", "A0")) for rank in range(12))
    message = blocks.final(conclusion(runs=(run(findings=Findings(observations=seen)),), hypotheses=ranked))
    fits(message)
    assert "12. 35%" in shown(message)
    assert "more" not in shown(message)


def test_whatever_is_cited_can_be_found_in_the_thread() -> None:
    seen = tuple(observation(f"A{number}", score=0.1, link=None, query=f"q{number}") for number in range(20))
    of = run(findings=Findings(observations=seen), hypotheses=(hypothesis(evidence_for=("A0", "A1")),))
    ranked = (
        hypothesis(evidence_for=("A0", "A1", "A9")),
        hypothesis(0.1, evidence_for=tuple(f"A{n}" for n in range(2, 9)), evidence_against=("A12",)),
    )
    messages = [blocks.agent_update(INVESTIGATION, progress(of)), blocks.final(conclusion(runs=(of,), hypotheses=ranked))]
    told = " ".join(map(shown, messages))
    for number in (*range(10), 12):
        assert f"A{number} {observation().summary}" in told
        assert f"q{number}" in [
            node["text"] for message in messages for node in nodes(message.blocks) if node.get("style") == {"code": True}
        ]
    assert "A11" not in told
    under = next(line for line in shown(messages[1]).split("\n") if line.startswith("Evidence: A2"))
    assert set(under.split()) >= {f"A{number}" for number in range(2, 9)}


def test_among_equals_what_a_hypothesis_cites_comes_first() -> None:
    seen = tuple(observation(f"A{number}", score=1.0) for number in range(9))
    told = shown(
        blocks.agent_update(
            INVESTIGATION, progress(run(findings=Findings(observations=seen), hypotheses=(hypothesis(evidence_for=("A7",)),)))
        )
    )
    assert told.index("A7 ") < told.index("A0 ")
    assert "A4 " not in told


def test_too_many_hypotheses_are_counted() -> None:
    message = blocks.final(conclusion(hypotheses=tuple(hypothesis(statement="s" * 900) for _ in range(500))))
    fits(message)
    left = [node["text"] for node in nodes(message.blocks) if str(node.get("text")).startswith("… ")]
    ranked = sum(". 86%" in str(node.get("text")) for node in nodes(message.blocks))
    assert left == [f"… {500 - ranked} more"]


def gap(kind: str, reason: Reason = Reason.UNREACHABLE) -> Gap:
    return Gap(source=kind, reason=reason, detail=f"no {kind}: it does not answer")


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ([("metrics", Reason.UNREACHABLE), ("logs", Reason.NOT_CONFIGURED), ("traces", Reason.UNAUTHORIZED)], "Nothing could be observed"),
        ([("logs", Reason.NOT_CONFIGURED), ("traces", Reason.NOT_CONFIGURED)], "Nothing unusual was found in what could be read"),
        ([], "Nothing unusual was found"),
    ],
)
def test_without_hypotheses_it_says_which_nothing_it_was(lost: list[tuple[str, Reason]], told: str) -> None:
    blind = run(findings=Findings(gaps=tuple(starmap(gap, lost)), silent=tuple(kind for kind, _ in lost)))
    message = blocks.final(conclusion(outcome=Outcome.BLIND if len(lost) == 3 else Outcome.ANSWERED, runs=(blind,), hypotheses=()))
    fits(message)
    assert told in shown(message)
    assert told in message.text
    for kind, _ in lost:
        assert shown(message).count(f"no {kind}: it does not answer") == 1
    assert ("COMPASS_LOKI_URL, for Loki is not configured" in shown(message)) == bool(lost)
    assert "could observe nothing" in shown(blocks.agent_update(INVESTIGATION, progress(blind))) or len(lost) < 3


@pytest.mark.parametrize(
    ("reason", "detail", "advice"),
    [
        (Reason.UNAUTHORIZED, "it answers 401", "COMPASS_LOKI_TOKEN"),
        (Reason.UNAUTHORIZED, "it answers 401: check COMPASS_GRAFANA_TOKEN", "COMPASS_GRAFANA_TOKEN, or COMPASS_GRAFANA_USERNAME"),
        (Reason.UNREACHABLE, "no connection", "whether Loki runs, and COMPASS_LOKI_URL"),
        (Reason.RATE_LIMITED, "it answers 429", "how many requests Loki takes"),
    ],
)
def test_the_advice_is_about_what_failed(reason: Reason, detail: str, advice: str) -> None:
    for source in ("logs", "Loki"):
        failed = run(findings=Findings(gaps=(Gap(source=source, reason=reason, detail=detail),)))
        told = shown(blocks.final(conclusion(runs=(failed,), hypotheses=())))
        assert advice in told
        assert "PROMETHEUS" not in told


def test_a_run_that_did_not_look_never_says_that_there_was_nothing() -> None:
    late = run(outcome=Outcome.STOPPED, reason="took longer than 90 s", findings=Findings())
    half = run(AgentName.DATABASE, findings=Findings(gaps=(gap("logs"),)))
    for one, told in (
        (late, "could not check requests, errors, latency, logs and changes (stopped: took longer than 90 s)"),
        (half, "nothing unusual in what it could read"),
    ):
        assert told in shown(blocks.agent_update(INVESTIGATION, progress(one)))
    ended = conclusion(runs=(late, half), coverage=0.25)
    for message in (blocks.root(INVESTIGATION, ended), blocks.final(ended)):
        told = shown(message)
        assert "Incomplete: Application stopped: took longer than 90 s; Network did not finish; not all logs could be read" in told
        assert "Every confidence is 25%" in told
        assert told.index("Incomplete") < told.index("1. 86%") if "1. 86%" in told else True


def test_things_seen_without_a_hypothesis_are_not_nothing() -> None:
    assert "no rule names a cause" in shown(blocks.final(conclusion(hypotheses=())))
    usual = run(findings=Findings(observations=(observation(score=0.0),)))
    assert "Nothing unusual was found" in shown(blocks.final(conclusion(runs=(usual,), hypotheses=())))


NORMAL = "Nothing stands out in what could be read: this may be normal"


@pytest.mark.parametrize(("confidence", "doubted"), [(0.0, True), (0.24, True), (0.25, False), (0.9, False)])
def test_where_the_first_hypothesis_is_hardly_likely_it_may_be_normal(confidence: float, doubted: bool) -> None:  # noqa: FBT001 - a column
    ended = conclusion(hypotheses=(hypothesis(confidence), hypothesis(0.0)))
    for message in (blocks.root(INVESTIGATION, ended), blocks.final(ended)):
        fits(message)
        assert (NORMAL in shown(message)) is (NORMAL in message.text) is doubted
    final = blocks.final(ended)
    likely = f"{confidence:.0%}" if confidence else "under 1%"
    assert f"1. {likely} postgres-orders" in shown(final), "it is told what was thought, all the same"
    assert f"1. {likely} postgres-orders" in final.text
    assert ("COMPASS_TEMPO_URL, for Tempo" in shown(final)) is doubted
    assert ("Most likely: " in shown(blocks.root(INVESTIGATION, ended))) is not doubted
    if doubted:
        assert shown(final).index(NORMAL) < shown(final).index("1. ")


def test_the_root_says_that_nothing_was_found() -> None:
    assert "Nothing unusual was found" in shown(blocks.root(INVESTIGATION, conclusion(hypotheses=(), runs=(run(findings=Findings()),))))
    interrupted = conclusion(runs=(), hypotheses=(), outcome=Outcome.STOPPED, reason="interrupted by a restart")
    assert "othing" not in shown(blocks.root(INVESTIGATION, interrupted)), "nobody looked"


def test_an_interruption_is_short_and_has_the_button() -> None:
    message = blocks.final(conclusion(runs=(), hypotheses=(), costs={}, outcome=Outcome.STOPPED, reason="interrupted by a restart"))
    fits(message)
    assert "interrupted by a restart" in message.text
    assert [block["type"] for block in message.blocks] == ["rich_text", "actions"]


def test_status_links_to_the_threads() -> None:
    message = blocks.status((INVESTIGATION,), (conclusion(),), {INVESTIGATION.id: "https://slack.example/p1"})
    fits(message)
    assert "running, budget $10.00" in shown(message)
    assert "finished, $0.0000 / $10.00" in shown(message)
    assert [node["url"] for node in nodes(message.blocks) if node.get("type") == "link"] == ["https://slack.example/p1"] * 2


def test_declared_shows_the_next_command() -> None:
    message = blocks.declared(INCIDENT)
    fits(message)
    assert "/compass investigate INC-42" in shown(message)
    assert "/compass investigate INC-42" in message.text


def test_help_and_exact_budgets() -> None:
    fits(blocks.help_text())
    assert "/compass declare" in blocks.help_text().text
    assert "budget $0.001" in shown(blocks.root(INVESTIGATION.model_copy(update={"budget": Decimal("0.001")})))


def test_the_root_says_a_place_in_the_line() -> None:
    waiting = blocks.root(INVESTIGATION.model_copy(update={"waits": 3}))
    assert "waiting for others to end, number 3 in line" in shown(waiting)
    assert "waiting" not in shown(blocks.root(INVESTIGATION))
