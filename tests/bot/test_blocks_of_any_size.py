from __future__ import annotations

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot import blocks
from compass_core.domain import AgentName, Findings, Gap, Incident, Investigation, Moment, Outcome, Run
from compass_core.errors import Reason
from tests.bot.fitting import fits, fits_a_modal
from tests.bot.made import START, conclusion, hypothesis, observation, progress

NASTY = [
    "<!channel>",
    "<https://evil.example|ok>",
    "*b* _i_ `c` ~s~",
    "@here #general",
    "\u202eevil\u202c",
    "a\u200bb",
    "\x1b[31mred\x00",
    "😀" * 40,
]
NASTY += ["x" * 10_000, '"\\' * 3_000, "", " ", "e\u0301" * 500, "&amp;&lt;", "line\nline\r\n", "https://bare.example/"]
text = st.one_of(st.sampled_from(NASTY), st.text(max_size=40))
links = st.sampled_from(
    [None, "", "javascript:alert(1)", "https://g.example/" + "q" * 1_500, "https://g.example/" + "q" * 9_000, "https://a b", "http://a|b>"]
)
agents = st.sampled_from(AgentName)
names = st.lists(text, max_size=12).map(tuple)
incidents = st.builds(Incident, id=text, title=text, services=names, started_at=st.just(START), severity=text)
money = st.decimals(0, 1_000_000, places=4)
investigations = st.builds(Investigation, id=text, incident=incidents, started_at=st.just(START), budget=money, only=st.none() | agents)
observations = st.builds(observation, name=text, score=st.floats(0, 1), summary=text, query=text, link=links, reduction=text)
hypotheses = st.builds(
    hypothesis,
    confidence=st.floats(0, 1),
    service=text,
    mechanism=text,
    statement=text,
    evidence_for=names,
    evidence_against=names,
    verdict=st.sampled_from(["contradicted", "survived", "untested"]),
)
gaps = st.builds(Gap, source=text, reason=st.sampled_from(Reason), detail=text)


@st.composite
def many(draw: st.DrawFn, values: st.SearchStrategy[Any], most: int) -> tuple[Any, ...]:
    """Up to `most` values, made of a few drawn ones."""
    few = draw(st.lists(values, max_size=3))
    return tuple(few * draw(st.sampled_from([1, most // 3])))


any_size = settings(
    max_examples=20, deadline=None, derandomize=True, phases=[Phase.generate]
)  # shrinking values of this size takes minutes


class Large:
    """A value whose repr does not fill the screen, nor the time, when a test fails."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)[:2_000]


@st.composite
def large(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Large:
    return Large(draw(values))


runs = st.builds(
    Run,
    agent=agents,
    outcome=st.sampled_from(Outcome),
    reason=text,
    seconds=st.floats(0, 1e6),
    findings=st.builds(Findings, observations=many(observations, 200), gaps=many(gaps, 60)),
    hypotheses=many(hypotheses, 500),
)
conclusions = st.builds(
    conclusion,
    investigation=investigations,
    outcome=st.sampled_from(Outcome),
    reason=text,
    runs=st.lists(runs, max_size=3).map(tuple),
    hypotheses=many(hypotheses, 500),
    costs=st.dictionaries(agents, money),
)


@any_size
@given(large(investigations), large(conclusions))
def test_any_root_fits(investigation: Large, ended: Large) -> None:
    fits(blocks.root(investigation.value))
    fits(blocks.root(investigation.value, ended.value))
    fits(blocks.root(investigation.value, Moment(runs=ended.value.runs, doing=ended.value.reason, asking=ended.value.reason)))


@any_size
@given(large(investigations), large(runs))
def test_any_update_fits(investigation: Large, one: Large) -> None:
    fits(blocks.agent_update(investigation.value, *progress(one.value)), 60)


@any_size
@given(large(conclusions))
def test_any_final_fits(ended: Large) -> None:
    fits(blocks.final(ended.value), 150)
    for what in (blocks.HYPOTHESES, *AgentName):
        fits_a_modal(blocks.details(ended.value, what))


@any_size
@given(
    large(many(investigations, 90)),
    large(many(st.builds(conclusion, investigation=investigations, reason=text), 90)),
    large(links),
    large(text),
)
def test_any_status_and_refusal_fit(running: Large, recent: Large, link: Large, told: Large) -> None:
    ids = [one.id for one in running.value] + [one.investigation.id for one in recent.value]
    fits(blocks.status(running.value, recent.value, {one: link.value for one in ids if link.value is not None}, START))
    fits(blocks.cost(recent.value, START))
    fits(blocks.refusal(told.value, link.value))
    if running.value:
        fits(blocks.declared(running.value[0].incident, running.value[0].asked_by))
