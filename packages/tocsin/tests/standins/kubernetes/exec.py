"""A program's side of exec: the WebSocket with its channels."""

import asyncio
import base64
import hashlib
import json

from websockets.frames import Opcode
from websockets.protocol import Protocol, Side, State

from .cluster import Cluster, Program

_KNOWN = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


async def converse(
    cluster: Cluster,
    headers: dict[str, str],
    argv: tuple[str, ...],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Shake hands, say what the program says, and how it ended."""
    asked = [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",")]
    chosen = next((one for one in _KNOWN if one in asked), None)
    if chosen is None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        return
    accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + _GUID).encode()).digest()).decode()
    writer.write(
        f"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        f"sec-websocket-accept: {accept}\r\nsec-websocket-protocol: {chosen}\r\n\r\n".encode()
    )
    socket = Protocol(Side.SERVER, state=State.OPEN)
    program = cluster.programs.get(argv, Program(err=f'exec: "{argv[0]}": executable file not found\n', code=127))
    await _play(program, socket, writer)
    if not program.breaks_off:
        socket.send_close(1000)
        await _flush(socket, writer)
        await _goodbye(socket, reader)


async def _play(program: Program, socket: Protocol, writer: asyncio.StreamWriter) -> None:
    for channel, said in ((b"\x01", program.out), (b"\x02", program.err)):
        if said:
            socket.send_binary(channel + said.encode())
    await _flush(socket, writer)
    if program.hangs:
        await asyncio.Event().wait()
    while program.floods:
        socket.send_binary(b"\x01" + b"x" * 32_000)
        await _flush(socket, writer)
    if not program.breaks_off:
        socket.send_binary(b"\x03" + json.dumps(_status(program.code)).encode())
        await _flush(socket, writer)


def _status(code: int) -> dict[str, object]:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


async def _flush(socket: Protocol, writer: asyncio.StreamWriter) -> None:
    for data in socket.data_to_send():
        writer.write(data)
    await writer.drain()


async def _goodbye(socket: Protocol, reader: asyncio.StreamReader) -> None:
    while said := await reader.read(65536):
        socket.receive_data(said)
        if any(getattr(event, "opcode", None) is Opcode.CLOSE for event in socket.events_received()):
            return
