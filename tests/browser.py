"""A real browser for tests: headless Chromium, told what to do over its debugging socket."""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.waiting import PATIENCE, until

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), "")


class Page:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.loaded: list[str] = []
        self.received = b""

    async def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command of the protocol; its answer. What the page gets from the network meanwhile is kept."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=PATIENCE)
            match message.get("method"):
                case "Network.responseReceived":
                    self.loaded.append(message["params"]["response"]["url"])
                case "Network.webSocketFrameReceived" if message["params"]["response"]["opcode"] == 2:
                    self.received += base64.b64decode(message["params"]["response"]["payloadData"])
                case _:
                    pass
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]

    async def evaluate(self, script: str) -> Any:
        answer = await self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    async def press(self, key: str) -> None:
        """Presses a printable key."""
        await self.tell("Input.dispatchKeyEvent", type="keyDown", text=key, key=key)
        await self.tell("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def screenshot(self) -> bytes:
        """The page as a PNG."""
        answer = await self.tell("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])

    async def click(self, x: int, y: int) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            await self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds of what the page has got; AssertionError where that does not come."""
        end = asyncio.get_running_loop().time() + PATIENCE
        while not condition():
            assert asyncio.get_running_loop().time() < end, (self.loaded, self.received[-2000:])
            await self.evaluate("new Promise(done => setTimeout(done, 100))")


@asynccontextmanager
async def browser(folder: Path, *arguments: str, size: tuple[int, int] = (1400, 900)) -> AsyncIterator[Page]:
    """Headless Chromium with an empty page; `folder` keeps its profile, `arguments` are further ones of its own."""
    command = [
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        f"--window-size={size[0]},{size[1]}",
        *arguments,
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port_file = folder / "DevToolsActivePort"
        await until(lambda: port_file.exists() and port_file.read_text().count("\n"))
        port = port_file.read_text().splitlines()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                address = next(one["webSocketDebuggerUrl"] for one in await answer.json() if one["type"] == "page")
            async with session.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                await page.tell("Page.enable")
                await page.tell("Network.enable")
                yield page
    finally:
        process.terminate()
        process.wait()
