"""One sentence that says why the answer is not what an earlier message named."""

from __future__ import annotations

from compass_core.domain import Conclusion, Findings, Hypothesis, Observation, Outcome, Run, Trial
from compass_core.hypotheses.turned import changed, harmless, unexplained, why_not
from tests.bot.made import conclusion, observation, run
from tests.bot.made import hypothesis as guess
from tests.fakes import hypothesis
from tests.hypotheses.seeing import APPLICATION, DATABASE, calls, seen

DEPLOY = hypothesis(APPLICATION, 0.9, service="bookings").model_copy(update={"evidence_for": ("deploy",)})
FULL = seen("db_connections_of_limit", "db", name="full").model_copy(update={"summary": "db: connections 97%"})
CAUSE = hypothesis(DATABASE, 0.8, service="db").model_copy(update={"mechanism": "connection_exhaustion", "evidence_for": ("full",)})
RUNS = [Run(agent=one.agent, outcome=Outcome.ANSWERED, hypotheses=(one,)) for one in (DEPLOY, CAUSE)]
RUNS[1] = RUNS[1].model_copy(update={"findings": Findings(observations=(FULL,))})
NAMED = "The application agent named bookings (bad deploy) first: "


def said(first: Hypothesis, other: Hypothesis) -> str:
    return why_not((first, other), RUNS)


def test_a_change_that_brought_it_about_is_no_error() -> None:
    joined = CAUSE.model_copy(update={"brought_about_by": ("deploy",)})
    assert said(joined, DEPLOY) == NAMED + "it brought about what is wrong with db."


def test_a_test_that_speaks_against_it_is_told() -> None:
    trial = Trial(name="peers", verdict="contradicted", detail="4.7.0 answers as well as 4.6.2")
    felled = DEPLOY.model_copy(update={"tests": (trial,), "verdict": "contradicted"})
    assert said(CAUSE, felled) == NAMED + "a test speaks against it (4.7.0 answers as well as 4.6.2)."


def test_what_a_later_agent_saw_is_told() -> None:
    assert said(CAUSE, DEPLOY) == NAMED + "db: connections 97% weighs more."


def test_a_change_after_which_nothing_got_worse_is_said_to_be_harmless() -> None:
    deploy = seen("deploy", "prices", 0.8, minutes=-1).model_copy(update={"summary": "prices: deployed 1.8.3 → 1.8.4"})
    worse, well = seen("error_ratio", "prices"), seen("new_version_as_well", "prices", 0.5)

    def told(*observations: Observation, blamed: tuple[Hypothesis, ...] = ()) -> str:
        return harmless(blamed, [Run(agent=APPLICATION, outcome=Outcome.ANSWERED, findings=Findings(observations=observations))])

    not_it = f"Hardly the change of prices (deployed 1.8.3 → 1.8.4, {deploy.onset:%H:%M}): "
    assert told(deploy) == not_it + "nothing was seen to get worse there."
    assert told(deploy, worse, well) == not_it + "its new version answers as well as the old one."
    assert told(deploy, worse) == "", "it may have done that"
    assert told(worse) == "", "nothing was changed"
    assert told(deploy, blamed=(DEPLOY.model_copy(update={"service": "prices", "evidence_for": (deploy.id,)}),)) == ""
    full = seen("memory_of_limit", "cache", minutes=-8)
    leader = CAUSE.model_copy(update={"service": "cache", "evidence_for": (full.id,)})
    assert told(deploy, worse, full, blamed=(leader,)) == not_it + f"cache was in trouble before it, from {full.onset:%H:%M} on."
    assert told(deploy, worse, full.model_copy(update={"onset": deploy.onset}), blamed=(leader,)) == "", "it came at the same time"
    unsure = leader.model_copy(update={"confidence": 0.1})
    assert told(deploy, worse, full, blamed=(unsure,)) == "", "nobody knows that it was that"
    long_ago = deploy.model_copy(update={"score": 0.1})
    assert told(long_ago) == "", "nobody would suspect it"


def test_there_is_nothing_to_explain_where_it_was_named_or_nobody_was_sure() -> None:
    assert why_not((DEPLOY,), RUNS[:1]) == ""
    assert why_not((), RUNS) == ""
    unsure = DEPLOY.model_copy(update={"initial_confidence": 0.1})
    assert why_not((CAUSE,), [RUNS[0].model_copy(update={"hypotheses": (unsure,)}), RUNS[1]]) == ""


def test_what_the_answer_does_not_explain_is_told() -> None:
    edges = calls("shop prices", "shop orders", "orders stock", "prices db")
    prices = hypothesis(APPLICATION, 0.9, service="prices")

    def left(*services: str) -> str:
        troubles = tuple(seen("error_ratio", service) for service in services)
        return unexplained(
            (prices,), [Run(agent=APPLICATION, outcome=Outcome.ANSWERED, findings=Findings(observations=troubles, edges=edges))]
        )

    assert left("prices", "shop", "orders", "stock") == "Not explained by it: stock: saw error_ratio."
    assert left("prices", "shop", "db") == "", "shop uses it, and it uses the database"
    assert left("prices", "stranger") == "", "nobody knows what that has to do with it"
    assert unexplained((), []) == ""


def test_what_changed_since_the_last_time_names_what_is_seen_anew_or_no_longer() -> None:
    def ended(signal: str, **confidence: float) -> Conclusion:
        seen = observation("A1", signal=signal, summary=f"{signal} of db 97%", service="db")
        ranked = tuple(guess(one, service=service, evidence_for=("A1",)) for service, one in confidence.items())
        return conclusion(runs=(run(findings=Findings(observations=(seen,))),), hypotheses=ranked)

    before, now = ended("locks", db=0.2, web=0.5, dns=0.1), ended("waits", db=0.6, web=0.3, redis=0.07)
    assert changed(now, before) == (
        "rose: db: connection exhaustion, 20% → 60% (waits of db 97%)",
        "fell: web: connection exhaustion, 50% → 30% (no longer locks of db 97%)",
        "gone: dns: connection exhaustion, 10% → 0% (no longer locks of db 97%)",
        "new: redis: connection exhaustion, 0% → 7% (waits of db 97%)",
    )
    assert changed(now, now) == ("nothing",)
    felled = Trial(name="order", verdict="contradicted", detail="it began later")
    tested = conclusion(runs=now.runs, hypotheses=(guess(0.1, service="db", evidence_for=("A1",), tests=(felled,)),))
    assert changed(tested, now)[0] == "fell: db: connection exhaustion, 60% → 10% (it began later)"
