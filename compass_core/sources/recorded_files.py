"""Reads the files of a recorded case; what is wrong in one becomes a `CaseError` that names file and line."""

import gzip
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, FiniteFloat, ValidationError, model_validator

from compass_core.domain import Incident, Window
from compass_core.errors import CaseError
from compass_core.readings import Change, LogLine, Span
from compass_core.sources.recorded_metrics import Floats, Metric

R = TypeVar("R", bound=BaseModel)

LARGEST = 512 * 2**20
_KINDS = ("metrics", "logs", "spans", "changes")

Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value if isinstance(value, str) else json.dumps(value))]
UnixTime = Annotated[FiniteFloat, Field(ge=0, lt=253_402_300_800)]  # until the year 10000: milliseconds are told, not believed


class _Case(BaseModel):
    """`truth` is not declared, so it is never read."""

    format: Literal[1]
    incident: Incident
    window: Window


class _Samples(BaseModel):
    name: str
    labels: dict[str, str]
    kind: Literal["counter", "gauge"]
    unit: Text = ""
    t: list[UnixTime] | None = None
    t0: UnixTime | None = None
    step: Annotated[FiniteFloat, Field(gt=0)] | None = None
    v: list[float | None]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if "service" not in self.labels:
            raise ValueError("labels hold no 'service'")
        if self.t is None and (self.t0 is None or self.step is None):
            raise ValueError("neither 't' nor 't0' and 'step'")
        if self.t is not None and len(self.t) != len(self.v):
            raise ValueError(f"{len(self.t)} times for {len(self.v)} values")
        return self


class _Line(BaseModel):
    t: UnixTime
    service: str
    line: str
    level: Annotated[Text, AfterValidator(str.lower)] = ""
    trace_id: Text = ""


class _Span(BaseModel):
    trace_id: str
    span_id: str
    parent_id: Text
    service: str
    name: str
    kind: Text = ""
    t: UnixTime
    ms: FiniteFloat
    error: bool
    attributes: dict[str, Text] = Field(default_factory=dict)


class _Change(BaseModel):
    t: UnixTime
    service: str
    kind: Literal["deploy", "config", "scale"]
    old: Text = Field(default="", alias="from")
    new: Text = Field(default="", alias="to")
    source: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A case in memory; `present` names the kinds of telemetry that it has a file for. Logs, spans and changes ascend in time."""

    present: frozenset[str]
    metrics: Mapping[str, Metric]
    logs: tuple[LogLine, ...]
    spans: tuple[Span, ...]
    changes: tuple[Change, ...]


def incident(directory: Path) -> Incident:
    """The incident of `case.json`, as recorded until the end of its window."""
    path = directory / "case.json"
    try:
        case = _Case.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise CaseError(f"{path} cannot be read ({problem.strerror}): name the folder of one recorded case.") from problem
    except ValidationError as problem:
        raise CaseError(f"{path}: {_first(problem)}.") from problem
    return case.incident.model_copy(update={"origin": "recorded", "well_since": case.window.start, "ended_at": case.window.end})


def load(directory: Path, without: Collection[str] = (), also: Sequence[Path] = ()) -> Case:
    """Everything that the directory holds, and those of other times beside it, except for the kinds `without`; 512 MB unpacked at most."""
    left, files = LARGEST, dict[tuple[str, Path], bytes]()
    for folder in (directory, *also):
        incident(folder)
        for kind in _KINDS:
            path = folder / (f"{kind}.jsonl" if kind == "changes" else f"{kind}.jsonl.gz")
            if kind not in without and path.exists():
                files[kind, path] = _unpacked(path, left)
                left -= len(files[kind, path])

    def rows(kind: str, shape: type[R]) -> Iterator[R]:
        return (row for (of, path), content in files.items() if of == kind for row in _rows(path, content, shape))

    logs = sorted((LogLine(**vars(row)) for row in rows("logs", _Line)), key=attrgetter("t"))
    spans = sorted((Span(**vars(row)) for row in rows("spans", _Span)), key=attrgetter("t"))
    changes = sorted((_change(row) for row in rows("changes", _Change)), key=attrgetter("t"))
    return Case(frozenset(kind for kind, _ in files), _metrics(rows("metrics", _Samples)), tuple(logs), tuple(spans), tuple(changes))


def _change(row: _Change) -> Change:
    what = {"deploy": "deployed", "config": "configured", "scale": "scaled"}[row.kind]
    text = f"{what} {row.old} → {row.new}" if row.old else f"{what} {row.new}".strip()
    return Change(
        row.t, row.service, text, row.kind, "changes.jsonl", row.source or "recorded", version=row.new if row.kind == "deploy" else ""
    )


def _unpacked(path: Path, most: int) -> bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as packed:
            content = packed.read(most + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise CaseError(f"{path} is not a readable gzip file: {problem}.") from problem
    if len(content) > most:
        raise CaseError(f"{path}: the case is larger than {LARGEST // 2**20} MB unpacked.")
    return content


def _rows(path: Path, content: bytes, shape: type[R]) -> Iterator[R]:
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            try:
                yield shape.model_validate_json(line)
            except ValidationError as problem:
                raise CaseError(f"{path}, line {number}: {_first(problem)}.") from problem


def _first(problem: ValidationError) -> str:
    error = problem.errors(include_url=False, include_input=False, include_context=False)[0]
    return ": ".join(filter(None, (".".join(map(str, error["loc"])), error["msg"])))


def _metrics(rows: Iterable[_Samples]) -> dict[str, Metric]:
    named: dict[str, list[tuple[_Samples, Floats, Floats]]] = {}
    for row in rows:
        regular = (row.t0 or 0.0) + (row.step or 0.0) * np.arange(len(row.v), dtype=np.float64)
        t = regular if row.t is None else np.array(row.t, dtype=np.float64)
        v = np.array(row.v, dtype=np.float64)
        if np.isfinite(v).any():
            named.setdefault(row.name, []).append((row, t, v))
    return {name: _metric(same) for name, same in named.items()}


def _metric(rows: list[tuple[_Samples, Floats, Floats]]) -> Metric:
    intervals = [np.median(gaps) for _, t, _ in rows if len(gaps := np.diff(np.unique(t)))]
    samples = [_ascending(t, v) for _, t, v in rows]
    first = rows[0][0]
    return Metric(
        name=first.name,
        kind="histogram" if first.kind == "counter" and first.name.endswith("_bucket") and "le" in first.labels else first.kind,
        unit=first.unit,
        labels=tuple(row.labels for row, _, _ in rows),
        first=np.cumsum([0, *(len(t) for t, _ in samples)]),
        t=np.concatenate([t for t, _ in samples]),
        v=np.concatenate([v for _, v in samples]),
        interval=float(np.median(intervals)) if intervals else 0.0,
    )


def _ascending(t: Floats, v: Floats) -> tuple[Floats, Floats]:
    """The finite values by time; of those recorded for one time the last."""
    order = np.argsort(t, kind="stable")
    order = order[np.isfinite(v[order])]
    t, v = t[order], v[order]
    last = np.append(t[1:] > t[:-1], True)
    return t[last], v[last]
