"""TLS in front of the embedded PostgreSQL, which is built without it.

`python -m local.cloud.services.tls PORT BACKEND FILE`. As RDS with `rds.force_ssl` it takes encrypted connections only.
The decrypted bytes go unchanged to the server on BACKEND, of this machine:
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
"""

import asyncio
import contextlib
import ssl
import struct
import sys

from local.cloud.services import HOST

CHUNK_BYTES = 1 << 18
# A client's first message, after its own length of 4 bytes.
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
REFUSAL = b"SFATAL\0VFATAL\0C28000\0Mno encryption: connect with TLS\0\0"


async def serve(port: int, backend: int, context: ssl.SSLContext) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A connection may break at any time, at either end: the other end learns it from its own.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            if await _encrypt(reader, writer, context):
                await _forward(reader, writer, backend)
        writer.close()

    server = await asyncio.start_server(handle, HOST, port, limit=CHUNK_BYTES)
    async with server:
        await server.serve_forever()


async def _encrypt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> bool:
    """Agrees on TLS; false when the client wants to go on without."""
    while True:
        length, request = struct.unpack("!II", await reader.readexactly(8))
        if request == SSL_REQUEST:
            writer.write(b"S")
            await writer.start_tls(context)
            return True
        if request != GSS_REQUEST or length != 8:
            writer.write(b"E" + struct.pack("!I", len(REFUSAL) + 4) + REFUSAL)
            await writer.drain()
            return False
        writer.write(b"N")


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, backend: int) -> None:
    server_reader, server_writer = await asyncio.open_connection(HOST, backend, limit=CHUNK_BYTES)
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, server_writer))
            both.create_task(_copy(server_reader, writer))
    except* (ConnectionError, ssl.SSLError):
        pass
    finally:
        server_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one end closes, whereupon the other is closed, too."""
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    writer.close()


def main(port: int, backend: int, certificate: str) -> None:
    """`certificate`: a PEM file with the key and the certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(port, backend, context))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
