"""`kill -9` at every boundary of an investigation, then another process: `python -m tests.bench.crash [--database URL] [--every N] [--first N]`.

With `--database` a PostgreSQL server's URL, in which a database is made for each kill; without it SQLite files. Printed is a row for each
boundary: what was passed, and what was wrong in the end: each message once, each attempt once, no finished call of the model again,
and the answer of a run without a crash.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from tests.durable.crash import killed, passed
from tests.lab.postgres import fresh

DROPS = ("chat.postMessage",)  # in every run Slack takes the first post and drops the connection


async def main(url: str, every: int, first: int) -> int:
    bad, seconds = 0, []
    with tempfile.TemporaryDirectory() as folder:
        whole, _ = await killed(Path(folder) / "0", 0, url and fresh(url), DROPS)
        count = len(passed(Path(folder) / "0"))
        print(f"{count} boundaries; without a crash: {whole.calls} calls, ${whole.spent}, posted {whole.steps}", flush=True)
        for die_at in range(first, count + 1, every):
            try:
                came, name = await killed(Path(folder) / str(die_at), die_at, url and fresh(url), DROPS)
            except (TimeoutError, AssertionError) as error:
                wrong, name = [f"{type(error).__name__}: {error}"[:300]], "?"
            else:
                wrong = came.wrong(whole, in_flight="model" in name or "reserve" in name or "close" in name)
                seconds.append(came.seconds)
            bad += bool(wrong)
            print(f"{die_at:4d} {name:40s} {'; '.join(wrong) or 'as without a crash'} ({came.seconds:.1f} s to the end)", flush=True)
    print(f"{bad} wrong; seconds from the next start to the end: median {statistics.median(seconds):.1f}, most {max(seconds):.1f}")
    return bad


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    asked = parser.parse_args()
    raise SystemExit(min(1, asyncio.run(main(asked.database, asked.every, asked.first))))
