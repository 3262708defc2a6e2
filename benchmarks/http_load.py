"""A load generator for HTTP that costs little: one thread, plain sockets, requests that are bytes already.

It shares the cores with what it measures, so it tells the processor time it took. Connections are kept open, as a
proxy keeps them; a server that closes one after its answer is connected to again.
"""

import select
import socket
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.errors import BenchError
from bontri.embedded.listeners import LOOPBACK

ANSWERED_WITHIN_S = 30.0
LENGTH = b"content-length:"
CLOSES = b"connection: close"


@dataclass(slots=True)
class Sent:
    """What came of a load: answers by status, how long each took, and what the generator itself cost."""

    statuses: Counter[int] = field(default_factory=Counter)
    ms: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: float = 0.0

    @property
    def answers(self) -> int:
        """How many answers came."""
        return self.statuses.total()

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def require(self, status: int) -> None:
        """Raise BenchError unless every answer has this status."""
        if set(self.statuses) != {status}:
            raise BenchError(f"answers other than {status}: {dict(self.statuses)}")


def request_bytes(method: str, path: str, *, token: str = "", key: str = "", body: str = "") -> bytes:
    """Return a request as it is sent."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if key:
        lines.append(f"Idempotency-Key: {key}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body]).encode()


class Connection:
    """One client: at most one request under way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._received = b""
        self.due_s = 0.0
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        opened = socket.create_connection((LOOPBACK, self._port), timeout=ANSWERED_WITHIN_S)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def send(self, request: bytes, *, due_s: float) -> None:
        """Send a request that was due at a time."""
        self.due_s = due_s
        self.socket.sendall(request)

    def receive(self) -> tuple[int, bool] | None:
        """Read what has come: the status, and whether the server closes, of an answer that is whole; else None."""
        came = self.socket.recv(65_536)
        if not came:
            raise BenchError("the server closed a connection with a request under way")
        self._received += came
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        lower = head.lower()
        begin = lower.find(LENGTH)
        if begin < 0:
            raise BenchError(f"an answer without a length: {head[:200]!r}")
        length = int(lower[begin + len(LENGTH) :].partition(b"\r\n")[0])
        if len(body) < length:
            return None
        self._received = body[length:]
        return int(head[9:12]), CLOSES in lower

    def reopen(self) -> None:
        """Connect anew after an answer that closed the connection."""
        self.close()
        self._received = b""
        self.socket = self._connect()

    def close(self) -> None:
        """Close it."""
        self.socket.close()


class Client:
    """Connections to one port for the time of the block; answers are waited for on all of them at once."""

    def __init__(self, port: int, *, connections: int) -> None:
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._idle: deque[Connection] = deque()
        for _ in range(connections):
            self._take_up(Connection(port))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()
        self._poll.close()

    def _take_up(self, connection: Connection) -> None:
        self._connections[connection.socket.fileno()] = connection
        self._poll.register(connection.socket, select.EPOLLIN)
        self._idle.append(connection)

    def send_in_turn(self, requests: Sequence[Iterator[bytes]], *, seconds: float | None = None) -> Sent:
        """Have each connection send the next of its requests when the last is answered, to their end or for a time."""
        of_each = dict(zip(self._connections.values(), requests, strict=True))
        sent, began_s, began_cpu_s = Sent(), time.perf_counter(), time.thread_time()
        ends_s = began_s + seconds if seconds else float("inf")
        under_way = 0
        while True:
            now_s = time.perf_counter()
            while self._idle and now_s < ends_s:
                connection = self._idle.popleft()
                request = next(of_each[connection], None)
                if request is None:
                    ends_s = 0.0
                    break
                connection.send(request, due_s=now_s)
                under_way += 1
            if not under_way:
                break
            under_way -= self._gather(sent, wait_s=ANSWERED_WITHIN_S)
        sent.seconds, sent.cpu_s = time.perf_counter() - began_s, time.thread_time() - began_cpu_s
        self._idle = deque(self._connections.values())
        return sent

    def send_at_rate(self, requests: Iterable[bytes], *, rate_per_s: float) -> Sent:
        """Send requests as they fall due on whatever connection is free; each is timed from when it was due."""
        sent, began_s, began_cpu_s = Sent(), time.perf_counter(), time.thread_time()
        due: Iterator[tuple[float, bytes]] = (
            (began_s + number / rate_per_s, request) for number, request in enumerate(requests)
        )
        waiting, under_way = next(due, None), 0
        while waiting or under_way:
            now_s = time.perf_counter()
            while waiting and self._idle and waiting[0] <= now_s:
                self._idle.popleft().send(waiting[1], due_s=waiting[0])
                under_way += 1
                waiting = next(due, None)
            wait_s = max(0.0, waiting[0] - now_s) if waiting and self._idle else ANSWERED_WITHIN_S
            under_way -= self._gather(sent, wait_s=wait_s)
        sent.seconds, sent.cpu_s = time.perf_counter() - began_s, time.thread_time() - began_cpu_s
        return sent

    def _gather(self, sent: Sent, *, wait_s: float) -> int:
        """Note the answers that are there, waiting for the first; return how many."""
        ready = self._poll.poll(wait_s)
        if not ready and wait_s >= ANSWERED_WITHIN_S:
            raise BenchError(f"no answer within {ANSWERED_WITHIN_S:.0f} s")
        answered = 0
        for number, _ in ready:
            connection = self._connections[number]
            answer = connection.receive()
            if answer is None:
                continue
            status, closes = answer
            sent.statuses[status] += 1
            sent.ms.append((time.perf_counter() - connection.due_s) * 1000)
            answered += 1
            if closes:
                self._poll.unregister(number)
                del self._connections[number]
                connection.reopen()
                self._take_up(connection)
            else:
                self._idle.append(connection)
        return answered
