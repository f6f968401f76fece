"""`python -m local.cloud.services.tls PORT BACKEND FILE`: a TLS proxy for PostgreSQL.

The embedded PostgreSQL is built without TLS. Like RDS with `rds.force_ssl`, the proxy on PORT accepts encrypted
connections only, with the key and certificates in FILE. It forwards the decrypted bytes to port BACKEND:
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
"""

import asyncio
import contextlib
import ssl
import struct
import sys

from local.cloud.services import HOST

CHUNK_BYTES = 1 << 18
# Request codes of a client's first message, which consists of a 4-byte length and a 4-byte code.
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
REFUSAL = b"SFATAL\0VFATAL\0C28000\0Mno encryption: connect with TLS\0\0"


async def serve(port: int, backend: int, context: ssl.SSLContext) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Either connection can break at any time. Closing the other one informs its peer.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            if await _encrypt(reader, writer, context):
                await _forward(reader, writer, backend)
        writer.close()

    server = await asyncio.start_server(handle, HOST, port, limit=CHUNK_BYTES)
    async with server:
        await server.serve_forever()


async def _encrypt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> bool:
    """Negotiates TLS with the client; returns False after refusing a client that does not request TLS."""
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
        async with asyncio.TaskGroup() as directions:
            directions.create_task(_copy(reader, server_writer))
            directions.create_task(_copy(server_reader, writer))
    except* (ConnectionError, ssl.SSLError):
        pass
    finally:
        server_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies bytes until `reader` ends, then closes `writer`."""
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    writer.close()


def main(port: int, backend: int, certificate: str) -> None:
    """Serves until it is interrupted. `certificate` is a PEM file with the key and the certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(port, backend, context))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
