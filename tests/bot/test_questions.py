"""What a person asks below an investigation, in their own words, and what they are told."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.blocks import text_of
from bot.blocks.elements import words_of
from bot.questions import MOST_WORDS, answer, parse
from bot.workspace.board import Message
from compass_core.agents.asked import Found
from compass_core.domain import AgentName, Findings, Outcome, Question
from tests.bot.made import conclusion, hypothesis, observation, run
from tests.workspace.limits import check_message, mentions

NAMES = {"checkout", "postgres-orders", "redis", "payment", "cart", "cart-db", "frontend", "node-c", "kafka"}
WORDINGS = {
    "why_not": (
        "why do you not blame redis",
        "shouldn't it be the database?",
        "was payment involved at all",
        "I'd bet on a bad deploy",
        "what's with kafka",
        "how do you know it isn't cart-db",
        "why not redis?",
        "why isn't it redis",
        "why do you rule out postgres?",
        "could it be the network?",
        "what about kafka?",
        "Are you sure it's not redis?",
        "why not the deploy?",
        "isn't this just a dns problem?",
        "how come payment isn't on the list",
        "what speaks against cart-db",
        "did you consider memory on checkout",
        "is it the database?",
        "have you thought about kafka?",
        "why wouldn't it be postgres-orders",
        "redis isn't the problem?",
        "what makes you think it's not the deploy",
        "does anything point to payment?",
        "kafka maybe?",
        "explain why checkout is not the root cause",
    ),
    "next": ("what should I do now?", "how do we fix this?", "next steps?", "what can we try"),
    "felt": ("who is affected?", "what's the impact", "which customers suffer"),
    "show": (
        "memory of checkout over time",
        "let me see latency of frontend by instance",
        "what do the logs of payment say",
        "are there restarts of cart",
        "requests to frontend by route",
        "how busy is the cpu on node-c",
        "what's the error rate for payment now",
        "p95 latency checkout",
        "show checkout's errors by pod",
        "show me errors of checkout",
        "graph latency for cart",
        "what's the p99 of payment?",
        "cpu of node-c please",
        "how much memory does redis use",
        "plot the error rate of frontend per version",
        "checkout latency",
        "logs of payment",
        "can I see the logs for checkout?",
        "display connections on postgres-orders",
        "how many requests per second does frontend get?",
        "show restarts by pod for cart",
        "is checkout slow?",
        "what are the errors in payment",
        "traffic to cart by instance",
        "give me the cpu for redis",
        "error rate of cart?",
        "how's the latency on payment looking",
        "any errors in frontend logs?",
        "what about the p95 for checkout by version",
        "break down checkout errors per pod",
        "is redis out of memory",
        "how full is the disk of postgres-orders",
        "connections to postgres-orders please",
    ),
    "changed": (
        "what got deployed",
        "did we ship anything to cart",
        "any change on frontend right before",
        "which version of checkout is running since when",
        "what changed on node-c?",
        "what changed?",
        "any deploys?",
        "what was deployed in the last hour",
        "did anyone deploy checkout",
        "was there a config change on payment?",
        "recent changes of cart?",
        "when was frontend last deployed?",
        "anything rolled out around then?",
        "who changed something",
        "was anything released before this started",
        "did somebody touch the config of cart",
        "latest deploy of checkout?",
        "what happened on node-c before 14:00",
        "list the deployments",
    ),
    "compare": (
        "is checkout worse than yesterday",
        "what was the traffic of frontend this time last week",
        "compare checkout errors to a day earlier",
        "compare with yesterday",
        "how does this look compared to yesterday?",
        "was it like this yesterday",
        "compare to the same time last week",
        "checkout errors vs yesterday",
        "is this normal for this time of day?",
        "how was checkout's latency yesterday?",
        "same as yesterday?",
        "what did this look like a week ago",
        "how does that compare to last tuesday",
        "is that unusual for a monday",
    ),
    "unlooked": (
        "what did you miss",
        "did you have access to traces",
        "what was not checked and why",
        "anything you could not read?",
        "what did you not look at?",
        "what didn't you check",
        "what is missing?",
        "what couldn't you see?",
        "any gaps?",
        "what have you not checked",
        "which sources were down",
        "did you check traces?",
        "what did you skip",
        "what are you not telling me",
        "where are you blind",
        "which services did you not look into",
    ),
    "sure": (
        "how certain is this",
        "on what do you base this",
        "what is your confidence and why",
        "are you guessing",
        "how sure?",
        "how sure are you?",
        "how confident are you in this",
        "are you certain?",
        "what's the confidence",
        "why do you think it's that?",
        "can I trust this?",
        "how likely is it that it's redis",
        "how much should I believe this",
        "what's your evidence",
        "how reliable is that",
        "what if you are wrong",
    ),
    "cannot": (
        "who is on call",
        "open a ticket",
        ":+1:",
        "restart checkout for me",
        "tell me a joke",
        "thanks!",
        "please page the database team",
        "good job",
        "lol",
    ),
}


def asked(kind: str, about: str = "", mechanism: str = "", signal: str = "", by: str = "", days: int = 1) -> Question:
    return Question.model_validate(locals())


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in WORDINGS.items() for text in texts])
def test_ordinary_wordings_are_understood_without_a_model(kind: str, text: str) -> None:
    found = parse(text, NAMES)
    assert (found.kind if found else "cannot") == kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("why not redis?", asked("why_not", "redis")),
        ("show checkout\u2019s errors by pod", asked("show", "checkout", signal="error", by="pod")),
        ("Show `checkout`'s errors per pods", asked("show", "checkout", signal="error", by="pod")),
        ("show errors of <http://checkout.shop|checkout.shop>", asked("show", "checkout", signal="error")),
        ("what changed on node-c?", asked("changed", "node-c")),
        ("compare checkout's latency with last week", asked("compare", "checkout", signal="latency", days=7)),
        ("what's the p99 of payment?", asked("show", "payment", signal="latency_p99")),
        ("why not the deploy on cart?", asked("why_not", "cart", "deploy")),
        ("why not postgres?", asked("why_not", "postgres-orders")),
        ("why not chekout?", asked("why_not", "checkout")),
        ("why not a-thing-nobody-knows?", asked("why_not", "a-thing-nobody-knows")),
        ("how many requests per second does frontend get?", asked("show", "frontend", signal="request_rate")),
        ("what was deployed in the last hour", asked("changed")),
        ("logs of payment", asked("show", "payment", signal="log")),
    ],
)
def test_a_question_says_what_it_is_about(text: str, expected: Question) -> None:
    assert parse(text, NAMES) == expected


SOME = st.sampled_from([*" ".join(text for texts in WORDINGS.values() for text in texts).split(), "<!channel>", "&amp;", "--", "'s", "by"])


@given(st.one_of(st.text(), st.lists(SOME, max_size=12).map(" ".join)))
@example("\ud800 <@U1> <https://x|y>'s \u202e")
def test_any_text_is_a_question_or_politely_none(text: str) -> None:
    found = parse(text, NAMES)
    if found:
        told = answer(found, conclusion(), Found())
        check_message(told.text, told.blocks)


def said(question: Question, found: Found | None = None, **more: object) -> str:
    return text_of(answer(question, conclusion(**more), found or Found()).blocks)


def test_why_not_says_the_place_how_sure_and_what_speaks_against_it() -> None:
    trial = {"name": "order", "verdict": "contradicted", "detail": "it began after its callers"}
    second = hypothesis(0.1, service="redis", mechanism="memory_pressure", verdict="contradicted", tests=(trial,), evidence_for=("A1",))
    told = said(asked("why_not", "redis"), hypotheses=(hypothesis(), second))
    assert "redis: memory pressure ranks 2 of 2" in told
    assert "(10%), contradicted by its tests" in told
    assert "Against: it began after its callers" in told
    assert "postgres-orders: connection exhaustion ranks first (86%)" in told


def test_why_not_of_what_brought_it_about_says_that() -> None:
    deploy = hypothesis(0.1, service="cart", mechanism="bad_deploy", evidence_for=("A9",))
    told = said(asked("why_not", "cart"), hypotheses=(hypothesis(brought_about_by=("A9",)), deploy))
    assert "postgres-orders: connection exhaustion ranks first (86%); the change of cart brought it about." in told
    cleared = said(asked("why_not", "", "deploy"), why_not="Not the change of cart (deployed 1 → 2, 13:59): nothing got worse there.")
    assert "Not the change of cart" in cleared


def test_what_to_do_and_who_is_affected_is_answered_from_what_was_found() -> None:
    felt = observation("A1", 0.9, service="checkout", signal="error_ratio", summary="checkout: failing requests 12%, usually 0%")
    runs = (run(findings=Findings(observations=(felt,))),)
    assert "Usual remedy: " in said(asked("next"), runs=runs)
    assert "failing requests 12%" in said(asked("felt"), runs=runs)
    assert "Nobody is seen to suffer" in said(asked("felt"), runs=(run(findings=Findings()),))


def test_why_not_of_what_nobody_knows_and_of_what_looks_as_usual() -> None:
    assert "redis is no explanation: nothing is known of it" in said(asked("why_not", "redis"))
    usual = observation("Q1", 0.1, service="redis", summary="redis: memory 40%, usually 39%")
    told = said(asked("why_not", "redis"), Found((usual,), queries=2))
    assert "nothing unusual was seen of it" in told
    assert "memory 40%, usually 39%" in told
    assert "2 new queries, free" in told


def test_what_was_not_looked_at_names_gaps_and_agents() -> None:
    failed = run(AgentName.NETWORK, outcome=Outcome.STOPPED, reason="took longer than 90 s", findings=Findings())
    told = said(asked("unlooked"), runs=(run(), run(AgentName.DATABASE), failed))
    assert "This was not looked at:" in told
    assert "traces (not configured)" in told
    assert "Network stopped: took longer than 90 s" in told
    assert "From what was found then" in told


def test_how_sure_tells_evidence_and_tests() -> None:
    trial = {"name": "order", "verdict": "survived", "detail": "it began first"}
    told = said(asked("sure"), hypotheses=(hypothesis(tests=(trial,)),), how_sure="Likely: of 12 answers this sure, 9 were right.")
    assert "of 12 answers this sure, 9 were right" in told
    assert "For: " in told
    assert "survived: order, it began first" in told
    assert "Nothing unusual" in said(asked("sure"), hypotheses=(), runs=(run(findings=Findings()),))


def test_what_a_model_says_is_marked_and_its_cost_told() -> None:
    message = answer(asked("sure"), conclusion(), Found(), "It is <!channel> the pool.", "this answer $0.0004, so far $0.0104 / $10.00")
    told = text_of(message.blocks)
    assert "The model says: It is <!channel> the pool." in told
    assert "this answer $0.0004" in told
    assert not mentions(Message("1", "C", message.text, blocks=message.blocks))


@given(st.lists(st.text(max_size=400), max_size=60), st.text(max_size=2_000), st.text(max_size=2_000))
def test_whatever_was_found_an_answer_is_short_and_pings_nobody(summaries: list[str], says: str, about: str) -> None:
    seen = tuple(observation(f"Q{i}", summary=text or "-", query="q") for i, text in enumerate(summaries))
    message = answer(asked("show", about), conclusion(), Found(seen, gaps=(says,), queries=3), says)
    check_message(message.text, message.blocks)
    assert not mentions(Message("1", "C", message.text, blocks=message.blocks))
    assert words_of(message.blocks) <= MOST_WORDS + 80  # of one finding, and the model's
