from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from itertools import starmap

import pytest

from bot import blocks, words
from bot.blocks.elements import text_of
from compass_core.budget import NO_ROOM
from compass_core.domain import AgentName, Findings, Gap, Moment, Outcome, Run, Trial
from compass_core.errors import Reason
from compass_core.hypotheses.calibrated import band, how_sure
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.remedies import REMEDIES
from tests.bot.fitting import fits, fits_a_modal, shown
from tests.bot.made import GAP, INCIDENT, INVESTIGATION, conclusion, hypothesis, observation, progress, run, skipped
from tests.workspace.limits import nodes


def test_the_root_says_what_since_when_and_for_how_much() -> None:
    message = blocks.root(INVESTIGATION.model_copy(update={"asked_by": "alex"}))
    fits(message, 60)
    for said in (
        "INC-42",
        "Checkout is slow",
        "checkout",
        "critical",
        "declared by hand",
        "14:03 UTC",
        "$0.0000 / $10.00",
        "asked by alex",
    ):
        assert said in message.text
    assert "application waits · database waits · network waits" in message.text


FOUND = run(hypotheses=(hypothesis(0.7),))
FELT = observation("A9", signal="error_ratio", summary="checkout: failing requests 12%, usually 0.1%")


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Moment(ahead=1), "Waiting: 1 other investigation must end first"),
        (Moment(ahead=3), "Waiting: 3 other investigations must end first"),
        (Moment(doing="application", seconds=4.4), "▸ application, 4 s · database waits · network waits"),
        (Moment(doing="application", asking="logs", seconds=12), "▸ application: reading logs, 12 s · database waits"),
        (Moment(runs=(FOUND,), doing="database"), "Best explanation so far: postgres-orders: connection exhaustion. All connections of"),
        (Moment(runs=(FOUND,), doing="database", seconds=2), "✓ application 1.9 s · ▸ database, 2 s · network waits"),
        (Moment(runs=(run(outcome=Outcome.FAILED, reason="KeyError"),)), "– application failed: KeyError · database waits"),
        (Moment(runs=tuple(map(run, AgentName)), doing="testing", seconds=3), "✓ network 1.9 s · ▸ testing, 3 s"),
        (Moment(spent=Decimal("2.5")), "▰▰▰▱▱▱▱▱▱▱ $2.5000 / $10.00"),
        (Moment(spent=Decimal("0.0001")), "▰▱▱▱▱▱▱▱▱▱ $0.0001 / $10.00"),
        (Moment(spent=Decimal(11)), "▰▰▰▰▰▰▰▰▰▰ $11.0000 / $10.00"),
        (
            Moment(runs=(run(findings=Findings(observations=(FELT,))),)),
            "Felt: checkout: failing requests 12%, usually 0.1%, since 14:03 UTC",
        ),
    ],
)
def test_the_root_moves_with_the_investigation(now: Moment, told: str) -> None:
    message = blocks.root(INVESTIGATION, now)
    fits(message)
    assert told in message.text


def test_the_root_says_which_agents_are_left_out_and_where_it_looks() -> None:
    shop = INCIDENT.model_copy(update={"environment": (("namespace", "shop"),)})
    told = blocks.root(INVESTIGATION.model_copy(update={"only": AgentName.DATABASE, "incident": shop, "again": True})).text
    assert "– application left out · database waits · – network left out" in told
    assert "investigated again · namespace=shop" in told


@pytest.mark.parametrize("confidence", [0.9, 0.7, 0.4, 0.26])
def test_the_root_says_how_it_ended_and_how_sure_that_is(confidence: float) -> None:
    message = blocks.root(INVESTIGATION, conclusion(hypotheses=(hypothesis(confidence),)))
    fits(message, 70)
    assert f"{band(confidence).word}: postgres-orders: connection exhaustion" in message.text
    assert "%" not in message.text.split("\n")[1], "how sure is said in words"
    assert "$0.0000 / $10.00" in message.text
    button = next(node for node in nodes(message.blocks) if node.get("type") == "button")
    assert (button["action_id"], button["value"], button["text"]["text"]) == ("reinvestigate", "0f3a", "Re-investigate")


def test_an_update_shows_what_is_cited_first_with_its_link_and_the_cost() -> None:
    seen = tuple(observation(f"A{number}", score=number / 10) for number in range(7, 0, -1))
    message = blocks.agent_update(
        INVESTIGATION, *progress(run(findings=Findings(observations=seen, gaps=(GAP,)), hypotheses=(hypothesis(0.71),)), "0.0021")
    )
    fits(message, 60)
    told = message.text
    assert [node["text"] for node in nodes(message.blocks) if node.get("type") == "link"] == ["A1", "A7", "A6"], (
        "cited first, then its order"
    )
    assert buttons(message) == [("show", "Show all 6", "0 application 0f3a")]
    assert "6 unusual signals, 3 shown (1.9 s)" in told, "what hardly moved is not counted, unless it is cited"
    assert "14:03 UTC error ratio of checkout 12% (before: 0.1%) A1" in told
    assert told.startswith("Application suspects postgres-orders: connection exhaustion")
    assert "71" not in told, "no confidence before all was seen"
    assert "Could not check: traces (not configured)" in told
    assert "$0.0021 / $10.00" in told
    assert {node["url"] for node in nodes(message.blocks) if node.get("type") == "link"} == {"https://grafana.example/explore?a=1"}


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (run(findings=Findings()), "Application: nothing unusual"),
        (run(outcome=Outcome.FAILED, reason="KeyError"), "1 unusual signal; failed: KeyError"),
        (run(outcome=Outcome.STOPPED, reason="took longer than 90 s"), "stopped: took longer than 90 s"),
        (run(outcome=Outcome.OUT_OF_BUDGET, reason="$1.0000 was billed"), "out of budget: $1.0000 was billed"),
    ],
)
def test_an_update_says_plainly_how_the_run_ended(one: Run, told: str) -> None:
    assert told in shown(blocks.agent_update(INVESTIGATION, *progress(one)))


def test_the_final_message_ranks_cites_and_shows_what_was_contradicted() -> None:
    ended = conclusion(
        hypotheses=(hypothesis(), hypothesis(0.1, verdict="contradicted", evidence_against=("A1", "Z9"))),
        runs=(run(), skipped(AgentName.DATABASE), skipped(AgentName.NETWORK, "left out")),
        costs={AgentName.APPLICATION: Decimal("4.45")},
    )
    message = blocks.final(ended)
    fits(message, 150)
    told = message.text
    for said in (
        "1. postgres-orders: connection exhaustion, very likely (86%, untested). All connections of postgres-orders are taken.",
        "• 2. postgres-orders: connection exhaustion (10%, contradicted by its tests): 14:03 UTC error ratio",
        "Check: list the sessions of postgres-orders by client",
        "Usual remedy: ",
        "Database did not run: the budget is used up",
        "Network did not run: left out by --only",
        "application $4.4500 · database $0.0000 · network $0.0000 · total $4.4500 / $10.00 (44.5% used)",
    ):
        assert said in told
    assert "rules only" not in told
    assert [node["text"] for node in nodes(message.blocks) if node.get("type") == "link"] == ["A1", "A1"]
    assert buttons(message) == [
        ("show", "Evidence", "0 hypotheses 0f3a"),
        ("right_0", "Right", "0 hypotheses 0f3a"),
        ("wrong_0", "Wrong: it was …", "0 hypotheses 0f3a"),
        ("reinvestigate", "Re-investigate", "0f3a"),
        ("change", "Change …", "0f3a"),
    ]


def buttons(message: blocks.Message) -> list[tuple[str, str, str]]:
    found = [node for node in nodes(message.blocks) if node.get("type") == "button"]
    return [(one["action_id"], one["text"]["text"], one["value"]) for one in found]


def test_what_runs_can_be_stopped_and_what_was_short_of_money_can_go_on() -> None:
    assert buttons(blocks.root(INVESTIGATION)) == [("stop", "Stop", "INC-42")]
    go_on = ("raise", "Raise the budget and go on", "0f3a")
    assert go_on in buttons(blocks.final(conclusion(outcome=Outcome.OUT_OF_BUDGET, reason="application: too dear")))
    assert go_on in buttons(blocks.final(conclusion(runs=(run(unrefined=NO_ROOM),))))
    assert go_on not in buttons(blocks.final(conclusion()))


def test_the_final_message_says_what_speaks_against_the_first() -> None:
    against = observation("A2", summary="web: latency p95 3 s, usually 100 ms", service="web")
    ended = conclusion(
        runs=(run(findings=Findings(observations=(observation(), against))),), hypotheses=(hypothesis(evidence_against=("A2",)),)
    )
    assert "Against: 14:03 UTC web: latency p95 3 s, usually 100 ms A2" in blocks.final(ended).text


def test_tests_are_told_what_they_asked_and_what_came_of_it() -> None:
    failed = Trial(name="onset", verdict="contradicted", detail="connections rose after the errors did", query="max(q)")
    passed = Trial(name="absence", verdict="survived", detail="no lock was awaited", link="https://g.example/locks")
    ended = conclusion(hypotheses=(hypothesis(verdict="contradicted", tests=(failed, passed)),))
    message, view = blocks.final(ended), blocks.details(ended, blocks.HYPOTHESES)
    fits(message, 150)
    fits_a_modal(view)
    assert "contradicted by its tests" in message.text
    assert "Against: connections rose after the errors did" in message.text
    behind = text_of(view["blocks"], links=True)
    assert "• contradicted: onset: connections rose after the errors did max(q)" in behind
    assert "• survived: absence: no lock was awaited query (https://g.example/locks)" in behind


STORY = "cart deployed 2, 13:59 → sessions of db 24 → 97, 14:01 → latency p99 of web 1 s → 5 s, 14:02 → errors of edge 0 → 9, 14:04"


def test_how_it_went_is_told_whole() -> None:
    ended = conclusion(hypotheses=(hypothesis(story=STORY),))
    assert f"How it went (UTC): {STORY}" in blocks.final(ended).text
    assert f"How it went (UTC): {STORY}" in text_of(blocks.details(ended, blocks.HYPOTHESES)["blocks"])
    assert "How it went" not in blocks.final(conclusion()).text
    assert f"How it went (UTC): {STORY}" in blocks.root(INVESTIGATION, ended).text, "who reads the answer alone must see what began it"


def test_what_a_change_brought_about_is_mended_by_undoing_that_change() -> None:
    deploy = observation("A9", service="cart", signal="deploy", summary="cart: deployed 1 → 2")
    runs = (run(findings=Findings(observations=(deploy,))),)
    ended = conclusion(runs=runs, hypotheses=(hypothesis(brought_about_by=("A9",)),))
    assert "Usual remedy: undo the change of cart." in blocks.final(ended).text
    assert "undo" not in blocks.final(conclusion(runs=runs)).text


def test_how_sure_is_how_many_answers_that_were_as_sure_were_right() -> None:
    known, ended = band(0.7), conclusion(hypotheses=(hypothesis(0.7),), how_sure=how_sure(0.7), why_not="Not the deploy: it came later.")
    assert "Not the deploy: it came later." in blocks.final(ended).text
    told = f"f {known.n} answers this sure on systems never seen before, {known.right} were right."
    assert told in blocks.final(ended).text
    assert told in text_of(blocks.details(ended, blocks.HYPOTHESES)["blocks"])


def test_unlikely_hypotheses_stand_behind_a_number() -> None:
    ended = conclusion(hypotheses=(hypothesis(), hypothesis(0.06), *(hypothesis(0.01) for _ in range(3))))
    message = blocks.final(ended)
    fits(message, 150)
    assert "2. postgres-orders" in message.text
    assert "• … 3 more" in message.text
    assert "3. postgres" not in message.text


def test_the_final_text_stands_alone() -> None:
    text = blocks.final(conclusion()).text
    assert text.startswith("INC-42: finished in 5.2 s\n1. postgres-orders: connection exhaustion, very likely (86%, untested)")
    assert "total $0.0000 / $10.00" in text
    assert text.count("no model is configured") == 1


def test_whatever_is_cited_can_be_found_behind_the_message() -> None:
    """At every rank, for or against, with its query or link; and everything that an agent saw."""
    seen = tuple(
        observation(f"A{number}", score=0.1, link=None if number % 2 else f"https://g.example/{number}", query=f"q{number}")
        for number in range(30)
    )
    ranked = tuple(hypothesis(0.9 - rank / 20, evidence_for=(f"A{rank}", "A20"), evidence_against=("A21",)) for rank in range(12))
    ended = conclusion(runs=(run(findings=Findings(observations=seen)),), hypotheses=ranked)
    for what, size, wanted in ((blocks.HYPOTHESES, 4, {*range(12), 20, 21}), ("application", 10, {*range(30)})):
        pages = [blocks.details(ended, what, page) for page in range(3)]
        for page in pages:
            fits_a_modal(page)
        told = [text_of(page["blocks"]) for page in pages]
        for number in wanted:
            assert any(f"A{number} error ratio of checkout 12%" in text for text in told)
            opened = [
                node
                for page in pages
                for node in nodes(page)
                if node.get("text") == f"q{number}" or node.get("url", "").endswith(f"/{number}")
            ]
            assert opened
        turns = [
            [
                (node["text"]["text"], blocks.parse_show(node["value"]))
                for node in nodes(page)
                if node.get("action_id", "").startswith("show")
            ]
            for page in pages
        ]
        assert turns == [
            [("Next", ("0f3a", what, 1))],
            [("Back", ("0f3a", what, 0)), ("Next", ("0f3a", what, 2))],
            [("Back", ("0f3a", what, 1))],
        ]
        assert [len([one for one in page["blocks"] if one["type"] == "rich_text"]) for page in pages] == [size] * 3
        judged = [node["value"] for page in pages for node in nodes(page) if node.get("action_id", "").startswith("right_")]
        assert judged == [f"{rank} hypotheses 0f3a" for rank in range(12 if what == blocks.HYPOTHESES else 0)]
        assert blocks.details(ended, what, 99) == pages[2]
        assert blocks.details(ended, what, -1) == pages[0]
    assert "Nothing is kept of it" in text_of(blocks.details(ended, "network")["blocks"])


def test_among_equals_what_a_hypothesis_cites_comes_first() -> None:
    seen = tuple(observation(f"A{number}", score=1.0) for number in range(9))
    told = blocks.agent_update(
        INVESTIGATION, *progress(run(findings=Findings(observations=seen), hypotheses=(hypothesis(evidence_for=("A7",)),)))
    ).text
    assert told.index(" A7") < told.index(" A0")
    assert "A4" not in told


def test_too_many_hypotheses_are_counted() -> None:
    message = blocks.final(conclusion(hypotheses=tuple(hypothesis(statement="s" * 900) for _ in range(500))))
    fits(message, 150)
    ranked = message.text.count(". postgres-orders")
    assert f"• … {500 - ranked} more" in message.text


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_each_mechanism_has_a_first_check_and_a_remedy_for_its_service(mechanism: str) -> None:
    told = blocks.final(conclusion(hypotheses=(hypothesis(mechanism=mechanism, service="cart-api"),))).text
    check = next(line for line in told.split("\n") if line.startswith("Check: "))
    assert re.fullmatch("Check: .*cart-api.*\\. Usual remedy: .*\\.", check) or "roll cart-api back" in check
    assert set(REMEDIES) == set(MECHANISMS)


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
    for kind, why in lost:
        assert message.text.count(f"no {kind}: it does not answer") == (why is not Reason.NOT_CONFIGURED)
    missing = ", ".join(kind for kind, why in lost if why is Reason.NOT_CONFIGURED)
    assert message.text.count(f"{missing} (not configured)") == bool(missing)
    assert ("COMPASS_LOKI_URL, for Loki is not configured" in shown(message)) == bool(lost)
    assert "could observe nothing" in shown(blocks.agent_update(INVESTIGATION, *progress(blind))) or len(lost) < 3


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
        assert told in shown(blocks.agent_update(INVESTIGATION, *progress(one)))
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
    thought = next(line for line in final.text.split("\n") if line.startswith("1. postgres-orders"))
    assert f"({likely}, untested)" in thought, "it is told what was thought, all the same"
    assert ("COMPASS_TEMPO_URL, for Tempo" in shown(final)) is doubted
    assert ("postgres-orders" in shown(blocks.root(INVESTIGATION, ended))) is not doubted
    if doubted:
        assert final.text.index(NORMAL) < final.text.index("1. ")


def test_the_root_says_that_nothing_was_found() -> None:
    assert "Nothing unusual was found" in shown(blocks.root(INVESTIGATION, conclusion(hypotheses=(), runs=(run(findings=Findings()),))))
    interrupted = conclusion(runs=(), hypotheses=(), outcome=Outcome.STOPPED, reason="interrupted by a restart")
    assert "othing" not in shown(blocks.root(INVESTIGATION, interrupted)), "nobody looked"


def test_an_interruption_is_short_and_has_the_button() -> None:
    message = blocks.final(conclusion(runs=(), hypotheses=(), costs={}, outcome=Outcome.STOPPED, reason="interrupted by a restart"))
    fits(message)
    assert "interrupted by a restart" in message.text
    assert [block["type"] for block in message.blocks] == ["rich_text", "context", "actions"]


def test_status_links_to_the_threads() -> None:
    message = blocks.status(
        (INVESTIGATION,), (conclusion(),), {INVESTIGATION.id: "https://slack.example/p1"}, INVESTIGATION.started_at + timedelta(hours=3)
    )
    fits(message)
    assert "INC-42 Checkout is slow, 3 h ago: running, budget $10.00" in shown(message)
    assert "finished, $0.0000 / $10.00; postgres-orders: connection exhaustion (86%, untested)" in shown(message)
    assert [node["url"] for node in nodes(message.blocks) if node.get("type") == "link"] == ["https://slack.example/p1"] * 2


def test_declared_says_who_declared_what_and_offers_to_investigate() -> None:
    message = blocks.declared(INCIDENT, "alex")
    fits(message)
    assert "alex declared INC-42: Checkout is slow (checkout, since 2026-01-05 14:03 UTC)" in shown(message)
    assert message.blocks[-1]["elements"][0]["value"] == "INC-42"


def test_help_and_exact_budgets() -> None:
    fits(blocks.help_text())
    assert "/compass declare" in blocks.help_text().text
    assert "/ $0.001" in shown(blocks.root(INVESTIGATION.model_copy(update={"budget": Decimal("0.001")})))


def test_a_query_that_is_cut_says_so() -> None:
    for query, cut in (("x" * 600, False), ("x" * 601, True)):
        seen = observation(link=None, query=query)
        ended = conclusion(runs=(run(findings=Findings(observations=(seen,))),))
        assert ("(the query is cut)" in text_of(blocks.details(ended, "application")["blocks"])) is cut


def test_a_re_investigation_says_what_changed_in_few_words() -> None:
    ended = conclusion(changed=tuple(f"rose: service-{number}: bad deploy, 20% → 60% (errors 9%)" for number in range(20)))
    fits(blocks.final(ended), 150)
    assert "Changed since the last time" in blocks.final(ended).text
    assert "rose: service-0: bad deploy, 20% → 60%" in blocks.final(ended).text


@pytest.mark.parametrize(
    ("summary", "most", "told"),
    [
        ("connections in use 97%, usually 24%", 8, "connections in use 97%, usually 24%"),
        ("connections of the pool in use 97%, usually 24%", 6, "connections of the … 97%, usually 24%"),
        ("connections of the pool in use 97%, usually 24%", 2, "connections … 97%, usually 24%"),
        ("latency p95 of what it answers 3 s, usually 100 ms", 7, "latency p95 … 3 s, usually 100 ms"),
        ("341 log lines: the server takes no more connections, usually 0: user@host", 6, "341 log lines: …, usually 0"),
        ("341 log lines: no more connections, usually 0: user@host cannot connect", 8, "341 log lines: no more connections, usually 0: …"),
        ("writes no more log lines, usually 5 in 5 minutes", 6, "writes …, usually 5 in 5 minutes"),
        ("deployed 4.6.2 → 4.7.0 by somebody", 4, "deployed 4.6.2 → 4.7.0 …"),
    ],
)
def test_where_evidence_is_too_long_what_it_is_compared_with_goes_last(summary: str, most: int, told: str) -> None:
    assert words.found(observation("A1", summary=f"db: {summary}"), "db", most).removeprefix("14:03 UTC ") == told
