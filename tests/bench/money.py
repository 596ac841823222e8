"""The soak of the budget: random investigations, 20,000 where no number is given, and what was billed and shown in them.

`python -m tests.bench.money [COUNT [FIRST_SEED]]` plays them in two processes and prints, for each, its seeds, how the questions ended
and every schedule in which more was billed than the limit or than was shown; it ends with status 1 where there is one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

PROCESSES = 2


def main(count: str = "20000", seed: str = "0") -> int:
    begun, each = time.perf_counter(), int(count) // PROCESSES
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108 - a folder of its own in it
        commands = [
            [sys.executable, "-m", "tests.llm.schedules", f"sqlite:///{folder}/{part}.db", str(int(seed) + part * each), str(each)]
            for part in range(PROCESSES)
        ]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]  # noqa: S603 - our own program
        told = [json.loads(process.communicate()[0]) for process in running]
    for one in told:
        print(json.dumps(one))
    print(
        f"{each * PROCESSES} schedules from seed {seed} in {time.perf_counter() - begun:.0f} s, {sum(len(one['wrong']) for one in told)} wrong"
    )
    return int(any(one["wrong"] for one in told))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
