"""What redaction costs on ordinary lines, what it changes by mistake, what it finds, and what comes out by place: python -m tests.bench.redaction [lines]."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from compass_core.redaction.redact import Redactor
from tests.redaction.ordinary import ordinary
from tests.redaction.places import CASES, places, told_of, written
from tests.redaction.planted import planted

COUNT = 200_000


def main(count: int = COUNT) -> None:
    lines = list(ordinary(count, seed=1))
    redactor = Redactor()
    begun = time.process_time()
    redacted = [redactor(line) for line in lines]
    seconds = time.process_time() - begun
    changed = [(line, now) for line, now in zip(lines, redacted, strict=True) if line != now]
    size = sum(map(len, lines))
    print(
        f"{count:,} ordinary lines of {size / count:.0f} characters: {count / seconds:,.0f} lines a second of CPU ({size / seconds / 1e6:.1f} MB)"
    )
    print(f"changed by mistake: {len(changed)} ({len(changed) / count * 10_000:.2f} in 10,000)")
    for line, now in changed[:10]:
        print(f"  {line}\n  {now}")
    secrets = planted(seed=1)
    missed = [one for one in secrets if one.value in redactor(one.text)]
    print(f"planted: {len(secrets)} secrets of {len({one.kind for one in secrets})} kinds, {len(secrets) - len(missed)} found")
    for one in missed:
        print(f"  missed: {one.text}")
    asyncio.run(by_place())


async def by_place() -> None:
    """The secrets in lines, spans, versions, incidents, errors and a model's answers: how many come out again, by the place where one reads."""
    leaked: Counter[str] = Counter()
    for secrets in CASES:
        with TemporaryDirectory() as folder:
            said = await places(written(Path(folder), secrets), secrets)
        leaked.update({place: len(told_of(secrets, *texts)) for place, texts in said.items()})
    print(f"{'place':<24}{'planted':>8}{'leaks':>8}")
    for place, count in leaked.items():
        print(f"{place:<24}{sum(map(len, CASES)):>8}{count:>8}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
