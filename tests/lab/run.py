"""The lab by hand: `python -m tests.lab.run SCENARIO [--keep]` prints where its servers are and what fires."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import time

from tests.lab.scenarios import HEALTHY_SCRAPES, SCENARIOS, broken, healthy
from tests.lab.stack import up


async def run(name: str, scrapes: int, *, keep: bool) -> None:
    """Bring the lab up, play one scenario, print a line of JSON; with `keep`, stay up until interrupted."""
    started, stop = time.monotonic(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with up(pods=SCENARIOS[name].pods) as stack:
        places = {"prometheus": stack.url("prometheus"), "alertmanager": stack.url("alertmanager"), "logs": str(stack.servers.folder)}
        print(json.dumps({"up_after": round(time.monotonic() - started, 1), **places}), flush=True)

        async def play() -> str:
            await healthy(stack, scrapes)
            return await broken(stack, SCENARIOS[name])

        playing = asyncio.create_task(play())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((playing, stopped), return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            playing.cancel()
            return
        planted = {"service": SCENARIOS[name].service, "mechanism": SCENARIOS[name].mechanism}
        found = {"ready_after": round(time.monotonic() - started, 1), "fingerprint": await playing, "planted": planted}
        print(json.dumps({**found, **places}), flush=True)
        if keep:
            await stopped
        stopped.cancel()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.run", description=__doc__)
    parser.add_argument("scenario", choices=sorted(SCENARIOS))
    parser.add_argument("--keep", action="store_true", help="stay up until interrupted")
    parser.add_argument("--healthy", type=int, default=HEALTHY_SCRAPES, help="scrapes of healthy traffic before the fault")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.scenario, arguments.healthy, keep=arguments.keep))


if __name__ == "__main__":
    main()
