"""Which workers have come and gone, with a real scheduler and its workers in this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from distributed import LocalCluster
from tornado.ioloop import PeriodicCallback

from mnist_tui.studies import trial_worker, workers
from mnist_tui.studies.trial_worker import WorkerFacts
from mnist_tui.studies.workers import DaskClient, WorkerPool
from tests.waiting import PATIENCE, wait_for

may_answer, facts = threading.Event(), trial_worker.report_facts


async def facts_late(dask_worker: Any) -> WorkerFacts:
    """In place of `trial_worker.report_facts`, in a worker of this process."""
    await asyncio.to_thread(may_answer.wait, 30)
    return facts(dask_worker)


@pytest.fixture
def cluster() -> Iterator[Any]:
    with LocalCluster(  # pyright: ignore[reportUnknownVariableType]
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0", protocol="inproc://"
    ) as running:
        yield running


@pytest.fixture
def dask_client(cluster: Any) -> Iterator[DaskClient]:
    connected = DaskClient(cluster.scheduler_address, "study", print)
    yield connected
    connected.close(5)


def test_only_workers_that_came_or_went_are_told_of(cluster: Any, dask_client: DaskClient) -> None:
    said: list[str] = []
    here, client = WorkerPool(dask_client, said.append), dask_client.client
    here.wait_for_first()
    (first,) = here.workers
    # The client renews what it knows of the scheduler whenever it likes, without the workers.
    renewing = PeriodicCallback(client._update_scheduler_info, 1)
    client.loop.add_callback(renewing.start)
    for _ in range(100):
        here.update()
    client.loop.add_callback(renewing.stop)
    assert [text.partition(" on ")[0] for text in said] == [f"the worker {first}"]
    cluster.scale(2)
    client.wait_for_workers(2, PATIENCE)
    wait_for(lambda: here.update() or len(here.workers) == 2)
    assert len(said) == 2
    client.retire_workers([first])
    here.update()
    assert first not in here.workers and said[-1] == f"the worker {first} has gone"


def test_a_worker_that_hangs_is_not_waited_for_and_comes_once_it_answers(
    dask_client: DaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(workers, "FIRST_ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(trial_worker, "report_facts", facts_late)
    waiting = WorkerPool(dask_client, said.append)
    waiting.wait_for_first()
    waiting.update()
    assert not waiting.workers
    (text,) = said
    assert text.endswith("has not answered yet; it is given trials once it has")
    may_answer.set()
    wait_for(lambda: waiting.update() or waiting.workers)
    assert said[1:] == [f"the worker {next(iter(waiting.workers))} on {socket.gethostname()} has come"]
