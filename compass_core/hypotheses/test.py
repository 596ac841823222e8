"""Tries to prove hypotheses wrong: each test says what it needs to read, and what came of it; pure.

A test compares what would be seen if the hypothesis were true with what is seen. It contradicts, survives, or is untested, where no
telemetry could decide.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from itertools import chain
from typing import NamedTuple

from compass_core.analysis.graph import NODE, systems
from compass_core.analysis.notes import Times
from compass_core.domain import Hypothesis, Observation, Trial, Verdict, Window
from compass_core.hypotheses.mechanisms import CALLERS_CLOCK, FAILS, GENERAL, ITSELF, MUST_SEE, SLOW
from compass_core.hypotheses.scene import FALLS, Question, Scene
from compass_core.hypotheses.suspicion import AS_WELL, CHANGED, ONSET_SLACK_SECONDS, TROUBLED, Best, evidence_of, leading_away
from compass_core.signals.catalogue import SIGNALS
from compass_core.signals.changes import WORSE
from compass_core.signals.signal import DIRECT, FELT, RESOURCE

MOST, LEAST = 4, 0.05  # hypotheses that are tested, the first ones, and the confidence of the last of them
FINEST = 5.0  # seconds between points
BEFORE, AFTER = timedelta(minutes=20), timedelta(minutes=5)  # of an onset that is looked at again
CALM = 0.1  # a score below this is what a quiet series does
EARLIER = tuple(timedelta(days=days) for days in (1, 2, 3, 4, 5, 6, 7, 14))  # this hour then; the last two are this weekday as well
FEWEST_EARLIER, OFTEN = 3, 0.25  # such windows that say something, and of how many it looks like this when it is nothing
STRONG = 0.5  # so unusual is no accident
FEWEST_TENANTS, FEW = 3, 0.2  # of whom so small a share suffers that it is not where they run
SHARED = frozenset({"cpu_exhaustion", "network_delay", "network_loss"})  # what everybody on a node feels
OF_THE_WAY, FEWEST_WAYS = frozenset({"network_delay", "network_loss"}), 2
GONE = frozenset({"absent", "traffic_stopped", "request_rate_drop", "log_silence", "log_no_answer"})
OVERLOADED = frozenset({"slow_queries", "cpu_exhaustion", "disk_io", "connection_exhaustion", "latency_in_service"})
OF_A_STORE = frozenset({"db_up", "db_sessions", "db_running", "db_transactions", "db_query_time", "db_slow_queries"})
MISSES = frozenset({"db_evictions", "cache_hits", "db_disk_reads"})  # what a cache does that holds too little
OWN = frozenset({DIRECT, RESOURCE})  # what others feel as well travels
STEADY = 0.7  # what is left of what does not fall
LINES, RARE = frozenset({"new_errors", "new_exceptions", "error_lines"}), 0.001  # and the share of requests below which lines are noise
DAMPED = 0.5  # as bad as now is at least this share of its score


Said = tuple["Verdict", str, "Observation | None", "float | None"]
"""Verdict, what was seen in words, the observation and the number that decided."""
Again = Sequence[Sequence["Observation"]]
"""What was seen when it was asked again: for each question its observations."""
Answers = dict[Question, tuple["Observation", ...]]
"""What was seen in each of the questions that were answered."""


class Test(NamedTuple):
    """A way to be wrong: what is seen if the hypothesis is true, what came of it (None: it does not concern it), what is read first."""

    name: str
    expected: str
    read: Callable[[Hypothesis, Scene, Again], Said | None]
    needs: Callable[[Hypothesis, Scene], tuple[Question, ...]] = lambda _one, _scene: ()


def questions(one: Hypothesis, scene: Scene) -> tuple[Question, ...]:
    """Everything that the tests of a hypothesis want to read."""
    return tuple(question for test in TESTS for question in test.needs(one, scene))


def trials(one: Hypothesis, scene: Scene, answers: Answers) -> tuple[Trial, ...]:
    """What the tests of a hypothesis say by what was answered; one that does not concern it is left out."""
    found = []
    for test in TESTS:
        if said := test.read(one, scene, [answers.get(question, ()) for question in test.needs(one, scene)]):
            verdict, detail, seen, value = said
            where = {"query": seen.query, "link": seen.link} if seen else {}
            found.append(Trial(name=test.name, verdict=verdict, detail=detail, expected=test.expected, value=value, **where))
    return tuple(found)


def verdict_of(tests: Iterable[Trial]) -> Verdict:
    """Contradicted by any; survived where something could have contradicted it and nothing did."""
    said = {each.verdict for each in tests}
    return "contradicted" if "contradicted" in said else "survived" if "survived" in said else "untested"


def _peers(one: Hypothesis, scene: Scene, _again: Again) -> Said | None:
    if one.mechanism != "bad_deploy":
        return None
    best = scene.best.get(one.service, {})
    seen = best.get(WORSE.name) or best.get(AS_WELL)
    if seen is None or (seen.value is None and seen.signal != AS_WELL):  # of a version that is not seen at all nothing was compared
        return "untested", "no two versions ran at once", None, None
    return "contradicted" if seen.signal == AS_WELL else "survived", seen.summary, seen, seen.value


def _finely(one: Hypothesis, scene: Scene) -> tuple[Question, ...]:
    causes, symptoms = _troubles(one, scene), _main(scene.symptoms)
    if one.service in scene.affected or not causes or not symptoms:
        return ()
    onsets = [seen.onset for seen in (*causes, *symptoms) if seen.onset]
    start, end = min(onsets).replace(second=0, microsecond=0), max(onsets).replace(second=0, microsecond=0)
    window = Window(start=start, end=min(end + AFTER, max(scene.times.window.end, start + AFTER)))
    selections = (
        *scene.selections((one.service,), {seen.signal for seen in causes}),
        *scene.selections(scene.affected, {seen.signal for seen in symptoms}),
    )
    return (Question(selections, Times(window, Window(start=start - BEFORE, end=start), FINEST)),)


def _order(one: Hypothesis, scene: Scene, again: Again) -> Said | None:
    if one.service in scene.affected:
        return None
    fresh = {(seen.service, seen.signal): seen for seen in chain(*again)}
    firsts = (
        [_finer(seen, fresh.get((seen.service, seen.signal))) for seen in known] for known in (_troubles(one, scene), _main(scene.symptoms))
    )
    cause, symptom = (min((seen for seen in known if seen.onset), key=_onset, default=None) for known in firsts)
    if cause is None or symptom is None:
        return "untested", "it is not known when it began", None, None
    # of lines and spans some are read, and of the window alone: what they show may have begun before
    since = _onset(symptom) if cause.step else max(_onset(symptom), cause.window.start.timestamp())
    late = _onset(cause) - since
    unsure = max(cause.onset_within or 0.0, symptom.onset_within or 0.0) + ONSET_SLACK_SECONDS * (1 if cause.step else 2)
    verdict: Verdict = "survived" if late <= 0 else "contradicted" if late > unsure else "untested"
    return verdict, f"{cause.summary} since {cause.onset:%H:%M:%S}, {symptom.summary} since {symptom.onset:%H:%M:%S} UTC", cause, late


def _finer(seen: Observation, fresh: Observation | None) -> Observation:
    """What was asked again tells when it began, unless that is something else, at another time."""
    within = (seen.onset_within or 0.0) + ONSET_SLACK_SECONDS
    return fresh if fresh and fresh.onset and abs(_onset(fresh) - _onset(seen)) <= within else seen


def _troubles(one: Hypothesis, scene: Scene) -> tuple[Observation, ...]:
    """Whatever is wrong with it."""
    seen = scene.best.get(one.service, {}).values()
    return tuple(each for each in seen if each.onset and each.score >= TROUBLED and each.signal not in CHANGED)


def _main(symptoms: Sequence[Observation]) -> tuple[Observation, ...]:
    """Without what is so much weaker than the others that it may be something else."""
    most = max(map(_score, symptoms), default=0.0)
    return tuple(seen for seen in symptoms if seen.score >= DAMPED * most)


def _see(one: Hypothesis, scene: Scene, again: Again) -> Said | None:
    wanted, best = MUST_SEE.get(one.mechanism, frozenset()), scene.best.get(one.service, {})
    general = one.mechanism in GENERAL  # whatever is unusual of its own may be a sign of these
    fresh = [seen for seen in chain(*again) if seen.service == one.service]
    rare = LINES if _are_rare(fresh, best) else frozenset()
    signs = [(_sign(seen, wanted), seen) for seen in fresh if _basis(seen, wanted)]
    signs += [(seen.score, seen) for seen in best.values() if seen.signal in wanted - rare or (general and evidence_of(seen) in OWN)]
    if not signs:
        return ("untested", "none of its signs is measured", None, None) if wanted else None
    score, most = max(signs, key=lambda pair: (pair[0], pair[1].signal in wanted))  # of calm ones what says most
    return "survived" if score >= TROUBLED else "contradicted" if score < CALM else "untested", most.summary, most, most.value


def _are_rare(fresh: Sequence[Observation], best: Best) -> bool:
    """Its requests fail as seldom as ever, and of hardly any a line tells."""
    failing = [seen.score for seen in fresh if seen.signal in FAILS]
    requests = max((seen.value or 0.0 for seen in fresh if seen.signal == "request_rate" and seen.unit == "/s"), default=0.0)
    lines = max((seen.value or 0.0 for name, seen in best.items() if name in LINES), default=0.0)
    seconds = next((seen.window.seconds for seen in fresh), 0.0)
    return bool(failing) and max(failing) < CALM and lines < RARE * requests * seconds


def _basis(seen: Observation, wanted: Collection[str]) -> bool:
    return seen.signal in wanted or f"{seen.signal}{FALLS}" in wanted


def _sign(seen: Observation, wanted: Collection[str]) -> float:
    """Of what is a sign where it falls, nothing where it stays; what moved too little to be told may be one all the same."""
    if seen.signal in wanted and evidence_of(seen) != RESOURCE:
        return seen.score
    before, falls = seen.baseline_value, seen.signal not in wanted or SIGNALS[seen.signal].direction == "down"
    more, less = (before, seen.value) if falls else (seen.value, before)
    moved = more is None or less is None or STEADY * more > less
    return max(seen.score if seen.signal in wanted else 0.0, CALM if moved else 0.0)


def _not_see(one: Hypothesis, scene: Scene, _again: Again) -> Said | None:
    best = scene.best.get(one.service, {})
    waits = scene.beneath.get(one.service)  # for what it calls, over the same network
    as_well = FAILS | (SLOW if waits else frozenset())
    unread = frozenset({"upstream_errors"}) if one.mechanism == "wrong_return_value" and "log_bad_answer" not in best else frozenset()
    names = (leading_away(one.mechanism, best) | unread) - as_well
    other = max((best[name] for name in sorted(names) if name in best), key=_score, default=None)
    return ("contradicted", other.summary, other, other.value) if other and other.score >= STRONG else None


def _dose(one: Hypothesis, scene: Scene, again: Again) -> Said | None:
    """Who runs on a node lacks what it lacks. Who calls a service may bear much: that none of them suffers contradicts nothing."""
    tenants = scene.tenants(one.service)
    users, what = sorted({*(tenants or scene.callers(one.service))}), "run on" if tenants else "call"
    worst: dict[str, Observation] = {}
    for seen in (*chain(*again), *(each for user in users for each in scene.best.get(user, {}).values())):
        if seen.service in users and evidence_of(seen) in {FELT, DIRECT}:
            worst[seen.service] = max(seen, worst.get(seen.service, seen), key=_score)
    most = max(worst.values(), key=_score, default=None)
    suffering = sum(seen.score >= TROUBLED for seen in worst.values())
    if one.mechanism in OF_THE_WAY and (few := _slow_for_few(one, again)):
        return few
    missed = sorted({*users, *scene.affected} - {one.service})
    if _is_gone(one, scene) and (felt := _felt(missed, scene, again)) and felt.score < CALM:
        return "contradicted", f"nobody misses it: {felt.summary}", felt, 0
    if tenants and one.mechanism in SHARED and len(worst) >= FEWEST_TENANTS and suffering < FEW * len(worst):
        return "contradicted", f"{suffering} of {len(worst)} that run on it suffer", most, suffering
    if most and suffering:
        return "survived", f"{suffering} of {len(users)} that {what} it suffer, most of all {most.summary}", most, suffering
    return ("untested", f"what those feel that {what} it is not clear", None, None) if users else None


def _slow_for_few(one: Hypothesis, again: Again) -> Said | None:
    """All that go to it go the same last bit of the way: where most of them are as quick as ever, it is the others' own."""
    for name in sorted(CALLERS_CLOCK):
        ways = [seen for seen in chain(*again) if seen.service == one.service and seen.signal == name]  # one of each caller
        slow = [seen for seen in ways if seen.score >= CALM]
        if len(ways) >= FEWEST_WAYS and slow and 2 * len(slow) <= len(ways):
            most = max(slow, key=_score)
            return "contradicted", f"{len(slow)} of {len(ways)} that call it wait longer: {most.summary}", most, len(slow)
    return None


def _is_gone(one: Hypothesis, scene: Scene) -> bool:
    """All that is wrong with it is that nothing comes from it."""
    troubles = _troubles(one, scene)
    return bool(troubles) and all(seen.signal in GONE for seen in troubles)


def _felt(services: Collection[str], scene: Scene, again: Again) -> Observation | None:
    """The worst of what these feel, None where that is not measured."""
    known = chain(*again, *(scene.best.get(service, {}).values() for service in services))
    return max((seen for seen in known if seen.service in services and seen.signal in ITSELF), key=_score, default=None)


def _on_users(one: Hypothesis, scene: Scene) -> tuple[Question, ...]:
    gone = (*scene.callers(one.service), *scene.affected) if _is_gone(one, scene) else ()
    ways = _now(scene, (one.service,), CALLERS_CLOCK) if one.mechanism in OF_THE_WAY else ()
    return (*_now(scene, (*scene.tenants(one.service), *gone), ITSELF), *ways)


def _space(one: Hypothesis, scene: Scene, _again: Again) -> Said | None:
    if not any(one.service in {edge.caller, edge.callee} for edge in scene.edges if edge.system != NODE):
        return "untested", "it is not known who uses what", None, None
    near = systems(scene.edges, (one.service,))[0]  # elsewhere it is another fault
    felt = (seen for service in sorted(near) for seen in scene.best.get(service, {}).values() if seen.signal in ITSELF)
    suffering = [seen for seen in felt if seen.score >= STRONG]
    inside = [seen for seen in suffering if _is_victim(seen.service, one, scene)]
    if not suffering or not (inside or all(scene.beneath.get(seen.service) for seen in suffering)):
        return "untested", "it is not known who uses what", None, None
    most = max(inside or suffering, key=lambda seen: (seen.service in scene.affected, seen.score))
    told = f"who suffers {'uses it' if inside else 'does not use it'}: {most.summary}"
    return "survived" if inside else "contradicted", told, most, len({seen.service for seen in inside})


def _is_victim(service: str, one: Hypothesis, scene: Scene) -> bool:
    """It is it, or uses it; of more requests also what they reach."""
    reached = scene.beneath.get(one.service, frozenset()) if one.mechanism == "traffic_surge" else frozenset()
    return service == one.service or one.service in scene.beneath.get(service, ()) or service in reached


def _alike(one: Hypothesis, scene: Scene, _again: Again) -> Said | None:
    own = _own(one, scene)
    if own is None or not scene.edges:
        return None
    users = {service for service, beneath in scene.beneath.items() if one.service in beneath} | {one.service}
    near = systems(scene.edges, (one.service,))[0] - users  # elsewhere it is another fault
    others = [best[own.signal] for service, best in scene.best.items() if service in near and own.signal in best]
    alike = [seen for seen in others if seen.score >= max(STRONG, own.score - CALM) and _onset(seen) <= _onset(own) + ONSET_SLACK_SECONDS]
    if alike:
        return "contradicted", f"{len(alike)} that do not use it show the same: {alike[0].summary}", alike[0], len(alike)
    return "survived", "nobody who does not use it shows the same", own, 0


def _behind_cache(one: Hypothesis, scene: Scene, _again: Again) -> Said | None:
    """A database that has too much to do since a cache, full, answers less of it is no cause."""
    if one.mechanism not in OVERLOADED or not scene.selections((one.service,), OF_A_STORE):
        return None
    began = min(map(_onset, _troubles(one, scene)), default=0.0) + ONSET_SLACK_SECONDS
    full = [best for service, best in scene.best.items() if service != one.service and _score(best.get("memory_of_limit")) >= STRONG]
    misses = [seen for best in full for name, seen in best.items() if name in MISSES and seen.score >= CALM and _onset(seen) <= began]
    most = max(misses, key=_score, default=None)
    return ("contradicted", f"a cache is full: {most.summary}", most, most.value) if most else None


def _earlier(one: Hypothesis, scene: Scene, again: Again) -> Said | None:
    days = [max(seen, key=_score) for seen in again if seen]
    if len(days) < FEWEST_EARLIER:
        return "untested", "there is nothing of earlier days to compare with", None, None
    least = max(TROUBLED, DAMPED * max(map(_score, _causes(one, scene))))
    alike = [seen for seen in days if seen.score >= least]
    verdict: Verdict = "contradicted" if len(alike) >= OFTEN * len(days) else "survived"
    return verdict, f"it looks like this on {len(alike)} of {len(days)} earlier days at this hour", (alike or days)[0], len(alike)


def _on_earlier_days(one: Hypothesis, scene: Scene) -> tuple[Question, ...]:
    selections = scene.selections((one.service,), {seen.signal for seen in _causes(one, scene)})
    spans = (scene.times.window, scene.times.baseline)
    then = (tuple(Window(start=each.start - by, end=each.end - by) for each in spans) for by in EARLIER if selections)
    return tuple(Question(selections, Times(window, baseline, scene.times.step)) for window, baseline in then)


def _on_signs(one: Hypothesis, scene: Scene) -> tuple[Question, ...]:
    wanted = MUST_SEE.get(one.mechanism, frozenset())
    return _now(scene, (one.service,), {*wanted, "request_rate"} if wanted & LINES else wanted)


def _now(scene: Scene, services: Collection[str], signals: Collection[str]) -> tuple[Question, ...]:
    selections = scene.selections(services, signals)
    return (Question(selections, scene.times),) if selections else ()


TESTS = (
    Test("peers", "the new version answers worse than the old one at the same minute", _peers),
    Test("order", "it begins before what users feel", _order, _finely),
    Test("must see", "one of its signs is unusual", _see, _on_signs),
    Test("must not see", "nothing that it does not bring about", _not_see),
    Test("dose", "who runs on it or calls it suffers", _dose, _on_users),
    Test("control in space", "who suffers uses it", _space),
    Test("alike", "nobody who does not use it shows the same", _alike),
    Test("cache", "no cache has begun to leave it more to do", _behind_cache),
    Test("control in time", "on other days at this hour it does not look like this", _earlier, _on_earlier_days),
)


def _causes(one: Hypothesis, scene: Scene) -> tuple[Observation, ...]:
    seen = (each for each in scene.best.get(one.service, {}).values() if each.id in one.evidence_for and each.onset)
    return tuple(each for each in seen if each.score >= TROUBLED and each.signal not in CHANGED)


def _own(one: Hypothesis, scene: Scene) -> Observation | None:
    return max((seen for seen in _causes(one, scene) if evidence_of(seen) in OWN), key=_score, default=None)


def _onset(seen: Observation) -> float:
    return seen.onset.timestamp() if seen.onset else 0.0


def _score(seen: Observation | None) -> float:
    return seen.score if seen else 0.0
