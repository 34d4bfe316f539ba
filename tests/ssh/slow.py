"""A slow line: `slow.py LISTEN TARGET SECONDS` passes on what it gets, so many seconds later, in both directions."""

from __future__ import annotations

import asyncio
import os
import sys


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while chunk := await reader.read(65536):
        loop.call_later(seconds, writer.write, chunk)
    loop.call_later(seconds, writer.close)


async def serve(listen: int, target: int, seconds: float) -> None:
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pass_on(reader, back, seconds), pass_on(there, writer, seconds), return_exceptions=True)

    server = await asyncio.start_server(join, "0.0.0.0", listen)
    asyncio.get_running_loop().add_reader(0, os._exit, 0)  # whoever started us has ended
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
