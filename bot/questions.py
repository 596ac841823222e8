"""A follow-up question: from words to a typed question, and from what was found to an answer; pure."""

import re
from collections.abc import Collection
from difflib import get_close_matches

from bot import words
from bot.blocks.elements import Json, Message, bold, bullets, context, fitting, message, plain, rich
from bot.blocks.update import finding
from bot.command import typed
from bot.words import likely, shown
from compass_core.agents.asked import Found, of_what, things
from compass_core.domain import AgentName, Conclusion, Hypothesis, Observation, Outcome, Question
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.suspicion import evidence_of
from compass_core.identity import joined
from compass_core.signals.signal import FELT

LONGEST = 1_000  # characters of a question that are read
MOST_WORDS = 120  # of an answer
CAN = """@Compass what should I do now?
@Compass who is affected?
@Compass why not {0}?
@Compass show errors of {0}
@Compass what changed?
@Compass compare with yesterday
@Compass what did you not look at?
@Compass how sure?"""
CANNOT = f"I cannot answer that. You can ask, for example:\n{CAN}"
ELSEWHERE = f"Ask in the thread of an investigation, or start one:\n@Compass investigate INC-42\n{CAN}".format("checkout")
# what the name of a signal holds: the words that people use for it
_TOPICS = """error: errors fail fails failing failed failure failures 5xx exceptions|log: logs lines|latency: slow slower p50 p95 p99
request_rate: traffic request requests rps qps throughput|cpu|memory: mem ram heap oom|connections: connection pool sessions|disk: disks
restarts: crashes|lock: locks deadlocks|lag|queue: queues backlog|retries: retry|dns|tls: certificate certificates|gc"""
_TOPIC = {
    word: topic for topic, _, those in (row.partition(":") for row in re.split(r"[|\n]", _TOPICS)) for word in (topic, *those.split())
}
_SAME = {"db": "database", "oom": "memory", "certificate": "tls", "pool": "connection", "bug": "exception", "release": "deploy"}
_PARTS = {*AgentName, *(part for name in MECHANISMS for part in name.split("_"))} - {"in", "new", "io"}
_ORDERS = re.compile(
    r"((please|can|could|would|you|hey|hi|just|and|now) )*(restart|roll|rollback|scale|fix|kill|delete|silence|ack|page|call|deploy|revert"
    r"|drain|create|open|close|tell|stop|run|do)\b"
)
# kinds, and what speaks for them: the first that matches counts
_KINDS = r"""next what (should|can|must|could|do|shall) (i|we)( \w+)? (do|try|check)|next step
next how (do|can|should|to) .*(fix|mitigate|solve|repair)|remed|mitigat
felt who.*(affected|hit\b|suffer|hurt)|\baffected\b|impact|customers|users|blast
compare yesterday|last week|(day|week) (ago|before|earlier)|same time|compare[ds]?\b|\bvs\b|versus|(usual|normal) (for|at)
why_not why\b.*(\bnot\b|n't)|rul(ed?|ing) (it )?out|(could|might|should)(n't)? (it|this|that)|(what|how|thought) about|the (cause|problem)
why_not ^is(n't)? (it|this|that)\b|it('s| is) not|how come|against|consider|exclude|suspect|maybe|perhaps|blame|\bbet\b|^(why )?\S+\?$
unlooked (not|n't|never|without|nothing)\b.*(look|check|see\b|seen|read|tell)|miss(ed|ing)?\b|\bgaps?\b|blind|left out|skip|access
unlooked incomplete|sources?\b.*(down|fail|miss)|which sources|(did|have|has|could|can|do|were|was) you (look|check|see|read)
sure how (sure|certain|likely|good)|confiden|certain|trust|\bsure\b|(why|what) (do|makes) you|evidence|proof|believe|reliab|wrong|guess
changed chang|deploy|roll(ed|out|ing)|releas|config|upgrad|migrat|happened|who did|\bship|which version
show show|graph|plot|chart|display|draw|\bsee\b|list|give"""
_ROWS = [row.split(" ", 1) for row in _KINDS.split("\n")]
_PLACES = (r"([\w./:-]+)'s\b", r"\b(?:of|for|on|about|not|consider|out|to|does|against|deployed?) ([\w./:-]*\w)")
_NO_NAMES = re.compile(
    "what|that|it|this|the|an?|you|i|we|they|t?here|who|how|see|look(ed)?|check(ed)?|read|sure|now|me|us|be|time|day|all|any|yesterday|each"
    "|every|pod|version|instance|node|recently|around|then|why|not|think|if|last|one|confident|in|second|minute|sources?|database|network"
)


def parse(text: str, names: Collection[str]) -> Question | None:
    """What these words ask, of an investigation that knows these names; None where that is not understood. Raises nothing."""
    said = " ".join(re.sub("[\u2018\u2019]", "'", typed(text[:LONGEST]).lower()).split())
    parts = re.findall(r"[a-z0-9][\w./:-]*\w|\w", said)
    about = _about(said, parts, names)
    topics = [f"latency_{part}" if part in {"p50", "p95", "p99"} else _TOPIC[part] for part in parts if part in _TOPIC]
    otherwise = "show" if topics else "why_not"  # of what is named and not understood all that stands for and against it
    kind = next(
        (kind for kind, pattern in _ROWS if re.search(pattern, said)), otherwise if about in names or (topics and about) else "none"
    )
    kind = "show" if kind == "why_not" and topics and re.match("(what|how) about", said) else kind
    mechanism = next((stem for part in parts if part != about and (stem := _mechanism(part))), "") if kind == "why_not" else ""
    vague = {"show": not topics and not about, "why_not": not about and not mechanism, "none": True}
    if vague.get(kind) or not parts or _ORDERS.match(said):
        return None
    by = re.search(r"\b(?:by|per|each|every) (?!second|minute)(\w+?)s?\b", said) if kind == "show" else None
    signal = next(iter(topics), "") if kind in {"show", "compare"} else ""
    days = 7 if "week" in said else 1
    return Question(kind=kind, about=about, mechanism=mechanism, signal=signal, by=by[1] if by else "", days=days)


def _about(said: str, parts: list[str], names: Collection[str]) -> str:
    """The name that is known, or the only one that has this part or is almost this; else what stands where a name would."""
    known = {name.lower(): name for name in names}
    free = [part for part in parts if part not in _TOPIC and not _NO_NAMES.fullmatch(part) and not _mechanism(part)]
    for part in parts:
        if (name := joined(part, known)) in known:
            return known[name]
    for part in free:
        holding = [name for name in known if part in re.split("[-_.]", name)]
        near = holding if len(holding) == 1 else get_close_matches(part, known, n=1, cutoff=0.85) if len(part) > 4 else []  # noqa: PLR2004
        if near:
            return known[near[0]]
    placed = (name for pattern in _PLACES for name in re.findall(pattern, said))
    return next((str(name) for name in placed if name in free and not name.isdigit()), "")


def _mechanism(part: str) -> str:
    """The part of a mechanism's or an agent's name that a word means: `deploys` means `deploy`."""
    word = _SAME.get(part, part)
    return next((one for one in sorted(_PARTS) if len(word) > 2 and word.rstrip("s") == one.rstrip("s")), "")  # noqa: PLR2004


def answer(question: Question, of: Conclusion, found: Found, says: str = "", paid: str = "") -> Message:
    """What was found, what could not be, and marked as its own what a model `says` of it; `paid` is what that cost."""
    lead, lines = {"why_not": _why_not, "unlooked": _unlooked, "sure": _sure, "next": _next, "felt": _felt}.get(question.kind, _show)(
        question, of, found
    )
    sent = f"{found.queries} new quer{'y' if found.queries == 1 else 'ies'}, free" if found.queries else "From what was found then"
    model = [rich([plain(shown(f"The model says: {says}", 400))])] if says else []
    small = [" · ".join(filter(None, (sent, paid))), *(f"Could not read: {gap}" for gap in found.gaps[:2])]

    def build(most: int) -> list[Json]:
        return [rich([bold(shown(lead, 400))]), *bullets("", lines[:most], len(lines) - most), *model, context(*small)]

    return message(fitting(build, (8, 6, 5, 4, 3, 2, 1), MOST_WORDS))


def _why_not(question: Question, of: Conclusion, found: Found) -> tuple[str, list[list[Json]]]:
    what = question.about or question.mechanism
    rank, one = next(((rank, one) for rank, one in enumerate(of.hypotheses, 1) if _fits(one, question)), (0, None))
    if one is None:
        unknown = question.about and not found.seen and question.about not in things(of)
        unusual = any(each.score >= words.UNUSUAL for each in found.seen)
        seen = "what was seen of it speaks for no cause" if unusual else "nothing unusual was seen of it"
        why = "nothing is known of it" if unknown else seen
        for run in (run for run in of.runs if run.agent == what):
            return f"No explanation is of the {what} agent: {words.saw(run)}.", [finding(each) for each in words.strongest(run)]
        cleared = [[plain(of.why_not)]] if of.why_not and not question.about else []
        return f"{what} is no explanation: {why}.", [*cleared, *(finding(each, question.about) for each in found.seen if question.about)]
    lead = f"{one.about} ranks {rank} of {len(of.hypotheses)}: {words.sure(one).lower()} ({likely(one)}), {words.VERDICTS[one.verdict]}."
    against = [[bold("Against: "), plain(words.brief(each.detail, 20))] for each in one.tests if each.verdict == "contradicted"]
    cited = [(name, each) for name, ids in (("Against: ", one.evidence_against), ("For: ", one.evidence_for)) for each in ids[:3]]
    told = [[bold(name), *finding(of.observations[each], one.service)] for name, each in cited if each in of.observations]
    return lead, [*([_first(of, one)] if rank > 1 else []), *against, *told]


def _first(of: Conclusion, other: Hypothesis) -> list[Json]:
    """What ranks first, and why before this one."""
    first = of.hypotheses[0]
    lead = f"{first.about} ranks first ({likely(first)})"
    if {*other.evidence_for} & {*first.brought_about_by}:
        return [plain(f"{lead}; the change of {other.service} brought it about.")]
    weighs = next((of.observations[each].summary for each in first.evidence_for if each in of.observations), "")
    return [plain(shown(f"{lead}: {weighs}" if weighs else f"{lead}.", 300))]


def _fits(hypothesis: Hypothesis, question: Question) -> bool:
    means = question.mechanism in hypothesis.mechanism or question.mechanism == hypothesis.agent
    return means and question.about in {"", hypothesis.service}


def _show(question: Question, of: Conclusion, found: Found) -> tuple[str, list[list[Json]]]:
    earlier = f"the most then, and {question.days} day{'s' * (question.days > 1)} earlier"
    what = {"changed": "changes", "compare": earlier}.get(question.kind, "")
    what = what or (question.signal.replace("_", " ") or "what is measured") + (f" by {question.by}" if question.by else "")
    whose = words.listed(of_what(question, of)) if question.about or question.kind == "show" else "all of it"
    seen = sorted(found.seen, key=lambda one: str(one.onset)) if question.kind == "changed" else found.seen
    lines = [finding(each, question.about, 20) for each in seen]
    known = f"; known here: {words.listed(sorted(things(of)))}" if question.about and question.about not in things(of) else ""
    return f"{whose}: {what}" if lines else f"Nothing is known of {whose}: {what}{known}", lines


def _next(_: Question, of: Conclusion, __: Found) -> tuple[str, list[list[Json]]]:
    """The first check and the usual remedy of what ranks first, and the check of what ranks second."""
    if words.nothing_found(of) or not of.hypotheses:
        return words.nothing_found(of) or "There is no explanation to act on.", [[plain(line)] for line in words.to_check(of)]
    steps = [(one, words.next_step(one, of.observations)) for one in of.hypotheses[:2]]
    return f"{of.hypotheses[0].about}, {words.sure(of.hypotheses[0]).lower()}:", [
        [bold("Check: " if rank == 0 else f"If it is {one.about}: "), plain(step)] for rank, (one, step) in enumerate(steps) if step
    ]


def _felt(_: Question, of: Conclusion, __: Found) -> tuple[str, list[list[Json]]]:
    """Everything whose users suffer, the incident's own services first."""
    own = of.investigation.incident.services
    worst: dict[str, Observation] = {}
    for one in sorted(of.observations.values(), key=lambda one: one.score):
        if one.score >= words.UNUSUAL and evidence_of(one) == FELT:
            worst[one.service] = one
    seen = sorted(worst.values(), key=lambda one: (one.service not in own, -one.score))
    return f"Seen to suffer ({len(seen)}):" if seen else "Nobody is seen to suffer.", [finding(one) for one in seen]


def _unlooked(_: Question, of: Conclusion, __: Found) -> tuple[str, list[list[Json]]]:
    read = [f"{run.agent} ran: {words.LOOKS_AT[run.agent]}" for run in of.runs if run.outcome is Outcome.ANSWERED]
    missing = [line for line in (words.incomplete(of), *words.gap_lines(of.runs)) if line]
    lead = "This was not looked at:" if missing else "Everything that is configured was read."
    return lead, [[plain(shown(line, 200))] for line in (*missing, *read)]


def _sure(_: Question, of: Conclusion, __: Found) -> tuple[str, list[list[Json]]]:
    if not of.hypotheses:
        return words.nothing_found(of) or "There is no explanation to be sure of.", []
    one = of.hypotheses[0]
    cited = [of.observations[each] for each in one.evidence_for[:3] if each in of.observations]
    rest = [f"{each.verdict}: {each.name}, {each.detail}" for each in one.tests[:3]] + [words.incomplete(of)]
    told = [[bold("For: "), *finding(each, one.service)] for each in cited]
    return f"{one.about}: {of.how_sure or likely(one)}", [*told, *([plain(words.brief(line, 20))] for line in rest if line)]
