"""The checks as one script for each host, by asyncssh with everything tuned that can be."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from scripts.benchmark.asked import Asked

AT_ONCE = 16


async def main(asked: Asked) -> None:
    import asyncssh  # type: ignore[import-not-found, unused-ignore]

    limit = asyncio.Semaphore(AT_ONCE)
    shared: dict[str, Any] = {
        "config": [asked.config],
        "known_hosts": asyncssh.read_known_hosts(asked.known_hosts),
        "client_keys": [asyncssh.read_private_key(asked.key)],
        "agent_path": None,
        "kex_algs": ["curve25519-sha256"],
        "encryption_algs": ["aes128-gcm@openssh.com"],
        "compression_algs": ["none"],
    }

    async def ask(host: str) -> None:
        async with limit, asyncssh.connect(host, **shared) as connection:
            done = await connection.run(asked.batch, check=True)
            asked.save_batch(host, str(done.stdout))

    await asyncio.gather(*map(ask, asked.hosts))


if __name__ == "__main__":
    asyncio.run(main(Asked.read(sys.argv[1])))
