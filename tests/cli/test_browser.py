"""`serve` in a real browser: the page comes from this machine alone, trains, and shows curves."""

from __future__ import annotations

import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mnist_tui.runs import control
from mnist_tui.runs.event_log import replayed
from mnist_tui.runs.library import run_folders
from mnist_tui.runs.state import LIVE
from tests.browser import CHROMIUM, browser
from tests.cli.test_serve import served
from tests.waiting import PATIENCE, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here to look at the page with"),
]


ELSEWHERE = "--host-resolver-rules=MAP evil.example 127.0.0.1"
DRIVES = """
new Promise(done => {
    const socket = new WebSocket('ADDRESS');
    socket.onopen = () => done('open');
    socket.onerror = () => done('refused');
})
"""


async def test_the_page_is_whole_without_other_hosts_and_another_site_cannot_drive_it(tmp_path: Path) -> None:
    with served("--no-token", "--runs-dir", str(tmp_path / "runs")) as (address, _process):
        port, socket = urlsplit(address).port, address.replace("http", "ws", 1) + "ws"
        async with browser(tmp_path / "profile", ELSEWHERE) as page:
            await page.tell("Page.navigate", url=address)
            await page.wait_for(lambda: b"Raw pixels" in page.received and b"dense_1" in page.received)
            assert {urlsplit(url).netloc for url in page.loaded if not url.startswith("data:")} == {f"127.0.0.1:{port}"}
            assert any(url.endswith(".ttf") for url in page.loaded), "its font comes with it"
            assert await page.evaluate(DRIVES.replace("ADDRESS", socket)) == "open"
            before = -1
            while before != len(page.received):  # until the first screen is drawn whole
                before = len(page.received)
                await page.evaluate("new Promise(done => setTimeout(() => done(1), 1500))")
            await page.tell("Page.navigate", url=f"http://evil.example:{port}/")
            await page.wait_for(lambda: any("evil.example" in url for url in page.loaded))
            while "is served as" not in await page.evaluate("document.body?.innerText ?? ''"):
                pass
            for place in (socket, f"ws://evil.example:{port}/ws"):
                assert await page.evaluate(DRIVES.replace("ADDRESS", place)) == "refused"
            assert len(page.received) == before


@pytest.mark.exhaustive
async def test_a_browser_trains_and_shows_curves_and_the_training_outlives_the_page(
    real_data: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    with served("--runs-dir", str(runs), "--data-dir", str(real_data)) as (address, process):
        async with browser(tmp_path / "profile") as page:
            await page.tell("Page.navigate", url=address)
            await page.wait_for(lambda: b"Raw pixels" in page.received and b"dense_1" in page.received)
            assert {urlsplit(url).netloc for url in page.loaded} == {urlsplit(address).netloc}
            before = await page.screenshot()
            await page.click(300, 30)
            await page.press("t")
            await page.wait_for(lambda: bool(run_folders(runs)))
            (folder,) = run_folders(runs)
            await page.wait_for(lambda: len(replayed(folder.events_file).history) >= 5)
            await page.wait_for(lambda: any(dots in page.received.decode("utf-8", "replace") for dots in "⠤⠒⠉⣀"))
            after = await page.screenshot()
            (tmp_path / "training.png").write_bytes(after)
            assert after != before
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        assert folder.state() in LIVE, "neither the page's end nor the server's ends a training"
        control.send(folder, "stop")
        wait_for(lambda: folder.state() not in LIVE)
        assert folder.state() == "stopped"
