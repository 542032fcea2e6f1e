"""The web application of `serve`, in this process, with a small program in place of the app."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp.test_utils import TestClient, TestServer

from mnist_tui.cli import web
from mnist_tui.cli import web as pages_module
from mnist_tui.cli.web import pages, served_names
from mnist_tui.tui.terminal.window import MOST_COLUMNS, MOST_ROWS
from tests.waiting import PATIENCE

NAMES = served_names("127.0.0.1")
PROGRAM = """
import json, os, sys
read, write = sys.stdin.buffer.read, lambda data: os.write(1, data)
def tell(kind, data):
    write(kind + len(data).to_bytes(4, "big") + data)
write(b"__GANGLION__\\n")
tell(b"D", b"pid=%d;" % os.getpid())
while head := read(5):
    data = read(int.from_bytes(head[1:], "big"))
    if data == b"leave":
        tell(b"M", b'{"type": "exit"}')
        break
    tell(b"D", b"<%s>" % data)
"""
"""Draws its process id and whatever it is sent; ends with its stdin."""
STUBBORN = PROGRAM + "\nimport time\ntime.sleep(600)"
Client = TestClient[Any, Any]


@asynccontextmanager
async def client(program: str = PROGRAM, token: str | None = None, visitors: int = 20) -> AsyncIterator[Client]:
    application = pages([sys.executable, "-c", program], token, NAMES, visitors)
    async with TestClient(TestServer(application)) as made:
        yield made


async def drawn(socket: aiohttp.ClientWebSocketResponse, until: bytes) -> bytes:
    """What the page got, until it holds some bytes."""
    seen = b""
    while until not in seen:
        message = await socket.receive(timeout=PATIENCE)
        assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, (message, seen)
        seen += message.data if message.type is aiohttp.WSMsgType.BINARY else b""
    return seen


async def process_of(socket: aiohttp.ClientWebSocketResponse) -> psutil.Process:
    """The app's process, as it tells itself."""
    text = await drawn(socket, b";")
    return psutil.Process(int(text.partition(b"pid=")[2].partition(b";")[0]))


async def ended(process: psutil.Process) -> bool:
    return await asyncio.to_thread(lambda: not psutil.wait_procs([process], timeout=PATIENCE)[1])


async def status(made: Client, path: str, **headers: str) -> int:
    async with made.get(path, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("token", [None, "a-token"])
async def test_a_name_that_is_bound_to_this_machine_by_another_site_gets_nothing(token: str | None) -> None:
    base = f"/{token}" if token else ""
    async with client(token=token) as made:
        here = f"127.0.0.1:{made.port}"
        for host in (here, f"localhost:{made.port}", f"LOCALHOST.:{made.port}", "localhost", "[::1]:9"):
            assert await status(made, f"{base}/", Host=host) == 200, host
        for host in (
            "evil.example",
            f"evil.example:{made.port}",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "",
            "[::1",
            "localhost:x",
            "localhost/",
            "10.0.0.1",
        ):
            for path in ("/", "/static/js/textual.js", "/ws", "/download/1"):
                assert await status(made, base + path, Host=host) == 403, (host, path)
        for origin in ("http://evil.example", f"http://localhost:{made.port}", "null", "http://127.0.0.1", "file://"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await made.ws_connect(f"{base}/ws", origin=origin)
            assert refused.value.status == 403, origin
        await (await made.ws_connect(f"{base}/ws", origin=f"http://{here}")).close()
        assert await status(made, f"{base}/", **{"Sec-Fetch-Site": "cross-site"}) == 200, "a link from elsewhere"
        assert await status(made, f"{base}/static/js/textual.js", **{"Sec-Fetch-Site": "cross-site"}) == 403
        assert await status(made, f"{base}/static/js/textual.js", **{"Sec-Fetch-Site": "same-origin"}) == 200


async def test_requests_without_a_host_or_with_two_get_nothing() -> None:
    async with client() as made:

        def asked(*hosts: str) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", made.port or 0)
            connection.putrequest("GET", "/", skip_host=True)
            for host in hosts:
                connection.putheader("Host", host)
            connection.endheaders()
            return connection.getresponse().status

        assert await asyncio.to_thread(asked, "localhost") == 200
        assert await asyncio.to_thread(asked) in (400, 403)
        assert await asyncio.to_thread(asked, "evil.example", "localhost") in (400, 403)


def test_the_names_that_a_server_answers_to() -> None:
    assert served_names("localhost") == {"127.0.0.1", "localhost", "::1"}
    assert {"192.0.2.5", "lab.example"} == served_names("192.0.2.5", ["Lab.example."])
    assert "localhost" in served_names("0.0.0.0")
    assert "" not in served_names("")


async def test_the_page_and_its_style_load_nothing_from_another_host() -> None:
    async with client() as made:
        async with made.get("/") as answer:
            text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert "http://" not in text
        assert "https://" not in text
        assert "default-src 'none'" in policy
        assert f"connect-src 'self' ws://127.0.0.1:{made.port}" in policy
        loaded = [part.partition('"')[0] for part in text.split('src="')[1:] + text.split('href="')[1:]]
        loaded += [part.partition('"')[0] for part in text.split('url("')[1:]]
        assert len(loaded) >= 5
        for path in loaded:
            assert path == "data:," or await status(made, path) == 200, path


async def test_no_request_prints_a_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    async with client(token="a-token") as made:
        for path in (
            "/%00",
            "/%ff",
            "/a-token/static/%00",
            "/a-token/static/js%00/x",
            "/a-token/download/%00",
            "/a-token/static/..%2f..%2fserver.py",
            "/a-token/static/%2fetc%2fpasswd",
        ):
            assert await status(made, path) in (400, 403, 404), path
        for query in ("fontsize=" + "9" * 5000, "fontsize=-1", "fontsize=%00", "fontsize=٣"):
            assert await status(made, f"/a-token/?{query}") == 200, query
        for raw in (
            b"\x00\xff\r\n\r\n",
            b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/9\r\n\r\n",
            b"GET /a-token/ HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
            writer.write(raw)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), PATIENCE)
            writer.close()
    seen = capfd.readouterr()
    assert "Traceback" not in seen.out + seen.err
    assert seen.out == ""


MALFORMED = (
    "",
    "{",
    "[]",
    "{}",
    "1",
    "null",
    '["stdin"]',
    '["stdin", 1]',
    '["resize"]',
    '["resize", {}]',
    '["resize", [1, 2]]',
    '["resize", {"width": "1", "height": 2}]',
    '["resize", {"width": 1e999, "height": 2}]',
    '["ping"]',
    '["nothing", 1]',
    "[" * 100_000,
    '["resize", {"width": ' + "9" * 5000 + ', "height": 1}]',
    '["ping", {"a": 1}]',
)


async def test_a_malformed_message_ends_its_page_and_app_alone(capfd: pytest.CaptureFixture[str]) -> None:
    async with client() as made:
        other = await made.ws_connect("/ws")
        await process_of(other)
        for text in MALFORMED:
            socket = await made.ws_connect("/ws")
            process = await process_of(socket)
            await socket.send_str(text)
            while (message := await socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.BINARY:
                pass
            assert message.type is aiohttp.WSMsgType.CLOSE, (text[:50], message)
            assert await ended(process), text[:50]
        await other.send_json(["stdin", "\ud800still here"])
        assert b"?still here" in await drawn(other, b"here>")
        await other.send_bytes(b"\x00\xff")
        await other.send_json(["blur"])
        assert b'{"type": "blur"}' in await drawn(other, b"}>")
    seen = capfd.readouterr()
    assert "Traceback" not in seen.out + seen.err


async def test_a_page_s_size_is_bounded() -> None:
    async with client() as made:
        socket = await made.ws_connect("/ws?width=100000&height=100000")
        largest = {"type": "resize", "width": MOST_COLUMNS, "height": MOST_ROWS}
        assert json.dumps(largest).encode() in await drawn(socket, b"}>")
        await socket.send_json(["resize", {"width": 100_000, "height": 100_000}])
        assert json.dumps(largest).encode() in await drawn(socket, b"}>")
        await socket.send_json(["resize", {"width": -5, "height": 0}])
        assert json.dumps(largest | {"width": 1, "height": 1}).encode() in await drawn(socket, b"}>")


@pytest.mark.parametrize("program", [PROGRAM, STUBBORN], ids=["leaves", "does-not-leave"])
async def test_the_app_ends_with_its_page(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LEAVING_SECONDS", 0.2 if program == STUBBORN else 30.0)
    async with client(program) as made:
        socket = await made.ws_connect("/ws")
        process = await process_of(socket)
        await socket.close()
        assert await ended(process)


async def test_an_app_that_does_not_read_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LEAVING_SECONDS", 0.2)
    deaf = PROGRAM.partition("while")[0] + "\nimport time\ntime.sleep(600)"
    async with client(deaf) as made:
        socket = await made.ws_connect("/ws")
        process = await process_of(socket)
        with contextlib.suppress(ConnectionError):
            for _ in range(10):
                await socket.send_json(["stdin", "x" * 500_000])
        assert await ended(process)


async def test_the_page_ends_with_its_app() -> None:
    async with client() as made:
        socket = await made.ws_connect("/ws")
        await process_of(socket)
        await socket.send_json(["stdin", "leave"])
        while (message := await socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert message.type is aiohttp.WSMsgType.CLOSE


async def test_an_app_that_does_not_start_is_said() -> None:
    async with client("raise SystemExit(2)") as made:
        socket = await made.ws_connect("/ws")
        assert b"did not start" in await drawn(socket, b"why.")


async def test_who_comes_when_all_places_are_taken_is_told_to_wait_and_served_in_turn() -> None:
    async with client(visitors=2) as made:
        inside = [await made.ws_connect("/ws") for _ in range(2)]
        for socket in inside:
            await process_of(socket)
        third, fourth = await made.ws_connect("/ws"), await made.ws_connect("/ws?width=77&height=33")
        assert b"to 2 visitors at once" in await drawn(third, "place …".encode())
        await drawn(fourth, "place …".encode())
        await fourth.send_json(["stdin", "typed too early"])
        await fourth.send_json(["resize", {"width": 99, "height": 9}])
        await third.close()
        await inside[0].close()
        await process_of(fourth)
        await fourth.send_json(["stdin", "now"])
        seen = await drawn(fourth, b"<now>")
        assert b"early" not in seen
        assert b'"width": 99' in seen


async def test_twenty_visitors_at_once_are_served_and_all_their_apps_end_with_the_server() -> None:
    async with client() as made:
        sockets = await asyncio.gather(*(made.ws_connect("/ws") for _ in range(20)))
        processes = await asyncio.gather(*map(process_of, sockets))
    assert len({process.pid for process in processes}) == 20
    assert not psutil.wait_procs(processes, timeout=PATIENCE)[1]


async def test_sockets_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "MOST_WAITING", 1)
    async with client(visitors=1) as made:
        await made.ws_connect("/ws")
        await made.ws_connect("/ws")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await made.ws_connect("/ws")
        assert refused.value.status == 503


HANDS_OVER = """
from textual._binary_encode import dump
tell(b"M", json.dumps({"type": "deliver_file_start", "key": "k1", "path": "/x/a \\u201creport\\u201d.html",
    "open_method": "browser", "encoding": "", "mime_type": "text/html", "name": None}).encode())
parts = [b"<script>", b"drive()", b""]
"""


async def test_a_file_that_the_app_hands_over_cannot_drive_the_app() -> None:
    serving = """
while head := read(5):
    asked = json.loads(read(int.from_bytes(head[1:], "big")))
    if asked["type"] == "deliver_chunk_request":
        tell(b"P", dump(("deliver_chunk", asked["key"], parts.pop(0))))
"""
    async with client(PROGRAM.partition("while")[0] + HANDS_OVER + serving) as made:
        socket = await made.ws_connect("/ws")
        while (message := await socket.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert json.loads(message.data) == ["deliver_file_start", "k1"]
        async with made.get("/download/k1") as answer:
            assert await answer.text() == "<script>drive()"
            assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Disposition"] == "inline; filename*=UTF-8''a%20%E2%80%9Creport%E2%80%9D.html"
        assert await status(made, "/download/k1") == 404
