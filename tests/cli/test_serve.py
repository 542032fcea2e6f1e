"""`serve`: a real server on loopback, asked by a client that is not a browser; in `test_browser` by one that is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

from mnist_tui.cli.serve import LOOPBACK, app_command
from mnist_tui.tui.app import STANDBY_AFTER_SECONDS
from tests.cli.conftest import Command, sentence
from tests.report.recorded import recorded_run
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent.parent
MOST_BYTES = 500_000_000
"""Of an app on the largest page."""


@contextmanager
def served(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server on a free port: its address and its process, which is ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_tui", "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)


async def status(session: aiohttp.ClientSession, address: str, **headers: str) -> int:
    async with session.get(address, headers=headers, allow_redirects=False) as answer:
        return answer.status


async def socket_status(session: aiohttp.ClientSession, address: str, **headers: str) -> int:
    """101 where the socket opens, else the status that refuses it."""
    try:
        socket = await session.ws_connect(address, headers=headers)
    except aiohttp.WSServerHandshakeError as error:
        return error.status
    await socket.close()
    return 101


async def hears(socket: aiohttp.ClientWebSocketResponse, condition: Callable[[bytes], bool]) -> bytes:
    """What the app draws, until the condition holds."""
    drawn = b""
    while not condition(drawn):
        message = await socket.receive(timeout=PATIENCE)
        assert message.type in {aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT}, (message, drawn[-500:])
        if message.type is aiohttp.WSMsgType.BINARY:
            drawn += message.data
    return drawn


async def test_every_request_needs_the_token() -> None:
    with served() as (address, _process):
        root, token = address.rstrip("/").rsplit("/", 1)
        assert urlsplit(address).hostname == "127.0.0.1"
        assert len(token) >= 32
        async with aiohttp.ClientSession() as session:
            assert await status(session, address) == 200
            async with session.get(f"{address}static/js/textual.js") as answer:
                script = await answer.text()
                assert answer.status == 200
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "origin}/download/" not in script, "what the app hands over lies below the token"
            assert "${window.location.origin}${window.location.pathname}download/" in script
            for given in ("", "x", token[:-1], f"{token}x", token.swapcase(), "%C3%A9"):
                for path in ("", "static/js/textual.js", "ws", "download/1", "nowhere"):
                    assert await status(session, f"{root}/{given}/{path}") == 403, (given, path)
                assert await socket_status(session, f"{root}/{given}/ws") == 403
            assert await status(session, f"{root}/static/js/textual.js") == 403
            assert await status(session, f"{root}/?token={token}") == 403


async def test_a_page_gives_away_neither_its_address_nor_other_files_and_another_site_s_page_gets_nothing() -> None:
    with served() as (address, _process):
        async with aiohttp.ClientSession() as session:
            async with session.get(address) as answer:
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                text = await answer.text()
            assert f"ws://{urlsplit(address).netloc}{urlsplit(address).path}ws" in text
            assert await status(session, f"{address}static/..%2f..%2fserver.py") == 404
            assert await socket_status(session, f"{address}ws", Origin="http://elsewhere.example") == 403
            assert await status(session, address, Origin="http://127.0.0.1:1") == 403


@pytest.mark.slow
async def test_a_visitor_gets_the_app_without_a_worker_of_his_own_and_ctrl_c_ends_all() -> None:
    with served() as (address, process):
        here = f"http://{urlsplit(address).netloc}"
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{address}ws?width=100&height=30", origin=here)
            drawn = await hears(socket, lambda seen: b"Raw pixels" in seen)
            assert b"\x1b]2;" not in drawn, "a page's title is not a terminal's"
            await asyncio.sleep(2 * STANDBY_AFTER_SECONDS)
            children = psutil.Process(process.pid).children(recursive=True)
            lines = [" ".join(child.cmdline()) for child in children]
            assert any("mnist_tui" in line for line in lines)
            assert not any("training.worker" in line for line in lines)
            process.send_signal(signal.SIGINT)
            _out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
        assert process.returncode == 0
        assert "Traceback" not in err
        gone, alive = psutil.wait_procs(children, timeout=PATIENCE)
        assert not alive, (gone, alive)


@pytest.mark.slow
async def test_a_server_that_is_killed_leaves_no_app_behind() -> None:
    with served() as (address, process):
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{address}ws?width=100000&height=100000")
            await hears(socket, lambda seen: b"Raw pixels" in seen)
            (app,) = psutil.Process(process.pid).children()
            assert app.memory_info().rss < MOST_BYTES
            process.kill()
            process.wait()
            gone, alive = await asyncio.to_thread(psutil.wait_procs, [app], 60)
        assert not alive, gone


@pytest.mark.slow
async def test_a_visitor_opens_a_report_below_the_token(tmp_path: Path) -> None:
    run = recorded_run(tmp_path / "runs")
    run.exports.mkdir()
    (run.exports / "report.html").write_text("<p>a report")
    with served("--runs-dir", str(tmp_path / "runs")) as (address, _process):
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(f"{address}ws?width=100&height=30")
            await hears(socket, lambda seen: b"Raw pixels" in seen)
            await socket.send_json(["stdin", "\x1bOR"])
            await hears(socket, lambda seen: b"98.00 %" in seen)
            await socket.send_json(["stdin", "O"])
            told = [""]
            while told[0] != "deliver_file_start":
                message = await socket.receive(timeout=PATIENCE)
                told = json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else told
            async with session.get(f"{address}download/{told[1]}") as answer:
                assert await answer.text() == "<p>a report"


async def test_what_an_address_beyond_loopback_and_one_without_a_token_open_is_said() -> None:
    with served("--host", "0.0.0.0") as (address, process):
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=PATIENCE)
        assert "other machines can reach 0.0.0.0" in err
        assert "start programs as you" in err
        assert "without a token" not in err
        assert len(urlsplit(address).path) > 32
    with served("--no-token") as (address, process):
        assert urlsplit(address).path == "/"
        async with aiohttp.ClientSession() as session:
            assert await status(session, address) == 200
            assert await socket_status(session, f"{address}ws", Origin="http://elsewhere.example") == 403
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=PATIENCE)
        assert "without a token anyone who reaches the port" in err
        assert "other machines" not in err


def test_on_loopback_with_a_token_nothing_is_warned_of() -> None:
    with served() as (_address, process):
        process.send_signal(signal.SIGINT)
        _out, err = process.communicate(timeout=PATIENCE)
    assert "warning" not in err
    assert "127.0.0.1" in LOOPBACK


def test_a_port_that_is_taken_is_said(cli: Command) -> None:
    with served() as (address, _process):
        port = str(urlsplit(address).port)
        said = sentence(cli("serve", "--port", port))
    assert f"cannot listen on 127.0.0.1 port {port} (Address already in use)" in said
    assert "--port 0" in said


def test_an_address_that_is_no_one_s_is_said(cli: Command) -> None:
    assert "203.0.113.7 port" in sentence(cli("serve", "--port", "0", "--host", "203.0.113.7"))


def test_without_textual_serve_the_command_that_adds_it_is_named(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    assert sentence(cli("serve")).endswith("which is not installed: `python -m pip install 'mnist-tui[web]'` adds it")


def test_the_app_of_a_page_gets_the_folders_that_were_named(tmp_path: Path) -> None:
    odd = tmp_path / "my runs; $(true)"
    assert app_command(odd, None)[-2:] == ["--runs-dir", str(odd)]
    assert app_command(odd, tmp_path)[-2:] == ["--data-dir", str(tmp_path)]


def test_runs_lie_where_flag_environment_and_settings_say_in_this_order(
    cli: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Path(os.environ["MNIST_TUI_CONFIG"])
    settings.parent.mkdir(parents=True)
    settings.write_text(f'runs_dir = "{tmp_path}/of-file"\n')
    for name in ("of-file", "of-environment", "of-flag"):
        (tmp_path / name).mkdir()

    def where(*arguments: str) -> str:
        return sentence(cli(*arguments, "show", "latest"))

    assert "of-flag" in where("--runs-dir", str(tmp_path / "of-flag"))
    monkeypatch.setenv("MNIST_TUI_RUNS", str(tmp_path / "of-environment"))
    assert "of-environment" in where()
    monkeypatch.delenv("MNIST_TUI_RUNS")
    assert "of-file" in where()
    settings.write_text("")
    assert not any(name in where() for name in ("of-file", "of-environment", "of-flag"))


def test_the_refresh_option_is_the_app_s_alone(cli: Command) -> None:
    assert sentence(cli("--refresh", "slow", "runs")).startswith("--refresh is for the app")
    assert "normal" in sentence(cli("--refresh", "never"))
