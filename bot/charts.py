"""For each of the first two hypotheses a chart: its cause and what users feel, before and during the incident; pure.

Slack draws it by itself where it takes the block; elsewhere `png` draws the same.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import NamedTuple

from bot import words
from bot.blocks.elements import Json, Message, escaped
from bot.words import shown
from compass_core.analysis.wording import amount
from compass_core.domain import Conclusion, Hypothesis, Observation
from compass_core.hypotheses.suspicion import CHANGED

MOST = 2  # Slack takes no more in a message
LONG, SHORT = 50, 20  # characters that Slack takes of a title and of a label
FEWEST = 5  # points that are worth a picture
ALIKE = 0.2  # lines whose highest values are further apart do not share an axis
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
COLOURS = ("#b3261e", "#1264a3")


class Line(NamedTuple):
    """What is measured where, in which unit, in each part of the time."""

    service: str
    name: str
    unit: str
    values: tuple[float, ...]


class Chart(NamedTuple):
    """`times` are when the parts begin; `marks` what happened when, by the place among them; `says` tells who cannot see the chart."""

    title: str
    lines: tuple[Line, ...]
    times: tuple[str, ...]
    marks: tuple[tuple[float, str], ...]
    says: str

    @property
    def noted(self) -> str:
        """`18:56 deploy, 18:57 cause, 19:00 alert + felt UTC`."""
        return f"{', '.join(text for _, text in self.marks)} UTC".strip()


def charts(ended: Conclusion) -> tuple[Chart, ...]:
    """One for each of the first two hypotheses that are worth it and whose cause was measured over time."""
    if ended.looked is None or words.nothing_found(ended):
        return ()
    made = (_chart(rank, one, ended) for rank, one in enumerate(ended.hypotheses[:MOST], 1) if one.confidence >= words.LITTLE)
    return tuple(each for each in made if each)


def message(drawn: Sequence[Chart]) -> Message:
    """The charts as Slack's own blocks; the text says the same."""
    return Message("\n".join(escaped(each.says, 900) for each in drawn), [_block(each) for each in drawn], whole=True)


def png(chart: Chart) -> bytes:
    """The same as a picture on white, for light and dark: a panel a line, each in its own unit. Takes a second; not for the event loop."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"text.parse_math": False, "font.size": 11}):
        figure = Figure(figsize=(6, 1.4 + 1.7 * len(chart.lines)), dpi=160, layout="constrained")
        panels = figure.subplots(len(chart.lines), sharex=True, squeeze=False)[:, 0]
        figure.suptitle(chart.title, fontweight="bold")
        for panel, line, colour in zip(panels, chart.lines, COLOURS, strict=False):
            panel.plot([place + 0.5 for place in range(len(line.values))], line.values, color=colour, linewidth=2.5)
            panel.set_title(shown(f"{line.service}: {line.name}", 60), loc="left", fontsize=11, color=colour)
            panel.yaxis.set_major_formatter(lambda value, _place, unit=line.unit: amount(value, unit))
            panel.grid(axis="y", alpha=0.3)
            for place, _ in chart.marks:
                panel.axvline(place, color="#444", linestyle="--", linewidth=1.2)
        panels[-1].set_xticks(range(0, len(chart.times), 4), chart.times[::4])
        panels[-1].set_xlabel(chart.noted)
        picture = BytesIO()
        figure.savefig(picture, format="png")
    return picture.getvalue()


def _chart(rank: int, hypothesis: Hypothesis, ended: Conclusion) -> Chart | None:
    looked, felt = ended.looked, words.symptom(ended.investigation.incident, ended.runs)
    cause = _measured(hypothesis, ended)
    if cause is None or looked is None:
        return None
    drawn = list(dict.fromkeys(each for each in (cause, felt) if each and each.points))
    parts = [(place, values) for place, values in enumerate(zip(*(each.points for each in drawn), strict=False)) if None not in values]
    if len(parts) < FEWEST:
        return None
    begin, end = looked.baseline.start, looked.window.end
    part = (end - begin) / len(cause.points)
    times = [begin + part * place for place, _ in parts]
    form = "%H:%M:%S" if part < MINUTE else "%H:%M" if end - begin < DAY else "%d %H:%M"
    marks: dict[str, tuple[float, str]] = {}
    for at, what in sorted(_happened(hypothesis, drawn, ended)):
        if times[0] <= at < end:
            last = max(place for place, time in enumerate(times) if time <= at)
            place, before = marks.get(f"{at:{form}}", (last + min(1.0, (at - times[last]) / part), f"{at:{form}} "))
            marks[f"{at:{form}}"] = (place, f"{before}{' + ' * (not before.endswith(' '))}{what}")
    columns = zip(drawn, zip(*(values for _, values in parts), strict=True), strict=True)
    lines = [Line(one.service, words.measured(one.signal), one.unit, tuple(value or 0.0 for value in column)) for one, column in columns]
    told = "; ".join(f"{each.summary}{f', since {each.onset:{form}}' if each.onset else ''}" for each in drawn)
    says = f"Chart {rank}: {hypothesis.about}, {begin:{form}} to {end:{form}} UTC. {told}. {', '.join(text for _, text in marks.values())}."
    title = shown(f"{rank}. {hypothesis.about}", LONG)
    return Chart(title, tuple(lines), tuple(f"{time:{form}}" for time in times), tuple(marks.values()), shown(says, 900))


def _measured(hypothesis: Hypothesis, ended: Conclusion) -> Observation | None:
    """What shows the cause over time: of what it cites the most unusual of its own service, or else what else was seen there."""
    seen = ended.observations
    cited = [seen[each] for each in hypothesis.evidence_for if each in seen and seen[each].points]
    besides = [each for each in seen.values() if each.points and each.service == hypothesis.service and each.score >= words.UNUSUAL]
    own = [each for each in cited if each.service == hypothesis.service] or besides or cited
    return max(own, key=lambda each: each.score, default=None)


def _happened(hypothesis: Hypothesis, drawn: Sequence[Observation], ended: Conclusion) -> Iterator[tuple[datetime, str]]:
    """When it was changed, when what is drawn began, and when the incident was reported."""
    incident, cited = ended.investigation.incident, {*hypothesis.brought_about_by, *hypothesis.evidence_for}
    for each in ended.observations.values():
        if each.id in cited and each.signal in CHANGED and each.onset:
            yield each.onset, each.signal.replace("_", " ")
    for each, what in zip(drawn, ("cause", "felt"), strict=False):
        if each.onset:
            yield each.onset, what
    yield incident.started_at, "reported" if incident.by_hand else "alert"


def _block(chart: Chart) -> Json:
    at = [[text for place, text in chart.marks if int(place) == one] for one in range(len(chart.times))]
    labels = [
        shown(" +".join([*here[:1], *[f"{len(here) - 1}"] * bool(here[1:])]) or time, SHORT)
        for here, time in zip(at, chart.times, strict=True)
    ]
    highest = [max(map(abs, line.values)) or 1.0 for line in chart.lines]
    unit = {line.unit for line in chart.lines}.pop()
    alike = all(line.unit == unit for line in chart.lines) and min(highest) >= ALIKE * max(highest)
    factors = [100.0 if unit == "ratio" else 1.0] * len(highest) if alike else [100 / each for each in highest]
    series = [
        {"name": name, "data": [{"label": label, "value": float(f"{v * by:.4g}")} for label, v in zip(labels, line.values, strict=True)]}
        for name, line, by in zip(_names(chart.lines), chart.lines, factors, strict=True)
    ]
    axis = {"categories": labels, "x_label": shown(chart.noted, LONG)}
    axis["y_label"] = ("percent" if unit == "ratio" else unit or "number") if alike else "percent of the highest of each"
    return {"type": "data_visualization", "title": chart.title, "chart": {"type": "line", "series": series, "axis_config": axis}}


def _names(lines: Sequence[Line]) -> list[str]:
    """Slack wants them short, and all different."""
    for names in ([shown(line.name, SHORT) for line in lines], [shown(line.service, SHORT) for line in lines]):
        if all(names) and len(set(names)) == len(names):
            return names
    return ["cause", "felt"][: len(lines)]
