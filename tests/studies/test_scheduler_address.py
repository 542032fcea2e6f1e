"""Whether a Dask scheduler answers at an address: real sockets, and a real scheduler and worker in this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from mnist_tui.errors import RequestError
from mnist_tui.studies import start
from mnist_tui.studies.start import check_scheduler


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Something that accepts connections; its address as if it were a scheduler's."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def refused(address: str) -> str:
    with pytest.raises(RequestError) as caught:
        check_scheduler(address)
    assert address in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "node5",
        "tcp://node5",
        "http://127.0.0.1:8787",
        "ws://127.0.0.1:8786",
        "127.0.0.1:8786",
        "tcp://:8786",
        "tcp://node5:port",
        "tcp://node5:99999",
        "tcp://node5:0",
        "tcp://[::1",
        "tcp://node5:8786/status",
        "inproc://a",
    ],
)
def test_what_is_no_schedulers_address_is_said(address: str) -> None:
    assert "is not a valid address; a Dask scheduler's address is tcp://HOST:PORT" in refused(address)


def test_a_port_nobody_listens_on_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    assert "no scheduler answers" in refused(address)


def test_a_host_without_an_address_is_said() -> None:
    assert "no scheduler answers" in refused("tcp://no-such-host.invalid:8786")


def test_a_host_that_drops_packets_and_a_name_server_that_is_silent_have_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(start, "REACH_SECONDS", 0.2)
    with socket.socket() as full:  # takes no connection beyond its backlog: further ones wait, as where packets drop
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        assert "no scheduler answers" in refused(f"tcp://127.0.0.1:{address[1]}")
        for each in waiting:
            each.close()
    forever = threading.Event()

    def connect(*_: object, **__: object) -> None:
        forever.wait()
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert "no answer within" in refused("tcp://node5:8786")
    forever.set()


@pytest.mark.parametrize(
    "answer",
    [
        lambda connection: connection.sendall(b"HTTP/1.0 400 Bad request\r\n\r\n"),
        lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
        lambda connection: connection.sendall(b"\x10\0\0\0\0\0\0\0" + b"\xff" * 16),
        lambda connection: connection.sendall(b"\xff" * 100),
        lambda connection: connection.sendall(b"hi"),
        lambda connection: None,
    ],
    ids=["web server", "ssh", "a short frame", "a huge frame", "two bytes", "closes at once"],
)
def test_what_answers_and_is_no_scheduler_is_said(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[socket.socket], None]
) -> None:
    monkeypatch.setattr(start, "REACH_SECONDS", 2.0)
    with listening(answer) as address:
        assert "`dask scheduler` starts one" in refused(address)


def test_what_accepts_and_says_nothing_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "REACH_SECONDS", 0.2)
    done = threading.Event()

    def answer(_: socket.socket) -> None:
        done.wait()

    with listening(answer) as address:
        assert "no answer within 0.2 s" in refused(address)
        done.set()


def test_a_scheduler_is_one_and_its_worker_is_none() -> None:
    from distributed import Scheduler, Worker

    async def addresses(ready: threading.Event, over: threading.Event, found: list[str]) -> None:
        async with (
            Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler,
            Worker(scheduler.address, host="127.0.0.1", nthreads=1) as worker,
        ):
            found += [scheduler.address, worker.address]
            ready.set()
            await asyncio.to_thread(over.wait)

    ready, over, found = threading.Event(), threading.Event(), list[str]()
    thread = threading.Thread(target=lambda: asyncio.run(addresses(ready, over, found)))
    thread.start()
    try:
        assert ready.wait(60)
        check_scheduler(found[0])
        assert "not a Dask scheduler but a Dask worker" in refused(found[1])
    finally:
        over.set()
        thread.join()
