"""Check within seconds whether a Dask scheduler answers at an address, before a study is made.

Dask's own client waits for minutes for something that accepts its connection and is not a scheduler.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

from mnist_tui.errors import RequestError

REACH_SECONDS = 5.0
"""How long a connection may take to be made, then a scheduler to say that it is one."""
LARGEST_GREETING = 1 << 20
"""Bytes. A Dask server's greeting begins with its length; another protocol's beginning, read as that, is larger."""
SCHEMES = ("tcp", "tls")
ADDRESS_FORM = "a Dask scheduler's address is tcp://HOST:PORT, such as tcp://10.0.0.5:8786"
SCHEDULER_HINT = "`dask scheduler` starts one, and its first lines show its address (tcp://HOST:8786)"


def check_scheduler(address: str) -> None:
    """Check that a Dask scheduler answers at an address.

    Raises:
        RequestError: the address is not valid, nothing answers there, or what answers is not a Dask scheduler.
    """
    host, port = _parse_address(address)
    reached: queue.SimpleQueue[str] = queue.SimpleQueue()
    greets = address.startswith("tcp")
    # in a thread that nobody waits for, because a name server that is silent cannot be given a limit
    threading.Thread(target=lambda: reached.put(_reach_server(host, port, greets=greets)), daemon=True).start()
    try:
        why = reached.get(timeout=2 * REACH_SECONDS + 1)
    except queue.Empty:
        why = f"no answer within {2 * REACH_SECONDS:g} s"
    if why:
        raise RequestError(f"no scheduler answers at {address} ({why}); {SCHEDULER_HINT}")
    kind = _server_kind(address)
    if kind != "Scheduler":
        raise RequestError(f"what answers at {address} is not a Dask scheduler but {kind}; {SCHEDULER_HINT}")


def _parse_address(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RequestError(f"--scheduler {address} is not a valid address; {ADDRESS_FORM}") from None
    if parts.scheme not in SCHEMES or not host or not port or parts.path.strip("/") or parts.query:
        raise RequestError(f"--scheduler {address} is not a valid address; {ADDRESS_FORM}")
    return host, port


def _reach_server(host: str, port: int, *, greets: bool) -> str:
    """Return why no Dask server can be reached at an address; an empty text if one answers.

    Args:
        greets: whether its greeting is seen here; over TLS it is not.
    """
    try:
        with socket.create_connection((host, port), timeout=REACH_SECONDS) as connection:
            greeting = connection.recv(8, socket.MSG_WAITALL) if greets else bytes(8)
    except TimeoutError:
        return f"no answer within {REACH_SECONDS:g} s"
    except (OSError, UnicodeError) as error:
        return getattr(error, "strerror", None) or str(error)
    is_dask = len(greeting) == 8 and int.from_bytes(greeting, "little") <= LARGEST_GREETING
    return "" if is_dask else "another program listens there"


def _server_kind(address: str) -> str:
    """Return the kind of server at an address: Dask's word for a scheduler, else a description."""
    try:
        identity = asyncio.run(asyncio.wait_for(_read_identity(address), REACH_SECONDS))
    except TimeoutError:
        return f"something that does not answer within {REACH_SECONDS:g} s"
    except Exception as error:  # whatever Dask raises at an answer that is none of its protocol's
        return f"something else ({first_line(error)})"
    kind = identity.get("type") if isinstance(identity, dict) else None
    return kind if kind == "Scheduler" else f"a Dask {kind.lower()}" if isinstance(kind, str) else "something else"


def first_line(error: Exception) -> str:
    """Return the first line of an error's text; the error's class where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


async def _read_identity(address: str) -> Any:
    from distributed.comm.core import connect
    from distributed.security import Security

    security: Any = Security()
    comm: Any = await connect(address, timeout=REACH_SECONDS, **security.get_connection_args("client"))
    try:
        await comm.write({"op": "identity", "reply": True})
        return await comm.read()
    finally:
        comm.abort()
