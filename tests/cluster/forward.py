#!/usr/bin/env python3
"""forward.py ADDRESS PORT=PORT…: listens on each first port of an address, and connects who calls to the second port of this machine's loopback."""
import asyncio
import sys


async def copy(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main(address, *ports):
    async def listen(port, to):
        async def connect(reader, writer):
            try:
                there = await asyncio.open_connection("127.0.0.1", to)
            except OSError:
                writer.close()
                return
            await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

        return await asyncio.start_server(connect, address, port)

    servers = [await listen(*map(int, port.split("="))) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main(*sys.argv[1:]))
