"""What is said between whoever wants a picture and the process that draws: one question a connection, with its length.

A question is JSON behind its length; an answer a byte (:data:`DRAWN`, :data:`NOT_DRAWN`), its length, and the picture
or why there is none. Both ends are ours and of one user, yet neither reads without a bound.
"""

import socket
import struct
import time

LENGTH = struct.Struct("!I")
DRAWN, NOT_DRAWN = b"\x00", b"\x01"

QUESTION_BYTES_MAX = 4 * 1024 * 1024
PICTURE_BYTES_MAX = 8 * 1024 * 1024


class WireError(Exception):
    """The other end hung up, said too much, or took too long."""


def send_framed(connection: socket.socket, said: bytes) -> None:
    """Send bytes behind their length."""
    connection.sendall(LENGTH.pack(len(said)) + said)


def receive_framed(connection: socket.socket, *, bytes_max: int, deadline_s: float) -> bytes:
    """Receive bytes behind their length, before ``deadline_s`` of the monotonic clock.

    Raises:
        WireError: it is too long, too late, or not whole.
    """
    [length] = LENGTH.unpack(receive(connection, LENGTH.size, deadline_s=deadline_s))
    if length > bytes_max:
        raise WireError(f"{length} bytes, at most {bytes_max}")
    return receive(connection, length, deadline_s=deadline_s)


def receive(connection: socket.socket, length: int, *, deadline_s: float) -> bytes:
    """Receive exactly ``length`` bytes.

    Raises:
        WireError: it is too late, or the other end hung up.
    """
    received = bytearray()
    while len(received) < length:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise WireError("too late")
        connection.settimeout(left_s)
        try:
            part = connection.recv(min(length - len(received), 65_536))
        except OSError as error:
            raise WireError(str(error)) from error
        if not part:
            raise WireError("hung up")
        received += part
    return bytes(received)
