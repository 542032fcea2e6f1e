"""Writing to a stream that is full, closed or left never breaks off the work; what was lost is known at the end."""

import io
import os
import threading
from contextlib import redirect_stdout

import pytest

from mnist_tui.cli.errors import FAILED, WRONG_REQUEST, guarded
from mnist_tui.cli.output import LenientStream, lost_output
from mnist_tui.errors import RequestError


def writer(descriptor: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(LenientStream(descriptor)), "ascii", errors="replace", line_buffering=True
    )


def full() -> redirect_stdout[io.TextIOWrapper]:
    """Stdout is a device without space."""
    return redirect_stdout(writer(os.open("/dev/full", os.O_WRONLY)))


def left() -> redirect_stdout[io.TextIOWrapper]:
    """Stdout is a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return redirect_stdout(writer(writing))


def work(done: list[int]) -> None:
    for number in range(100):
        print("a line an epoch", flush=True)
        done.append(number)


def test_work_goes_on_when_stdout_is_full_and_the_loss_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    done: list[int] = []
    with full():
        assert guarded(lambda: work(done)) == FAILED
    assert len(done) == 100
    assert capfd.readouterr().err == "error: not all results could be written to stdout: No space left on device\n"


def test_a_wrong_request_keeps_its_code_and_its_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        print("something", flush=True)
        raise RequestError("that is wrong")

    with full():
        assert guarded(refuse) == WRONG_REQUEST
    assert capfd.readouterr().err == "error: that is wrong\n"


def test_work_goes_on_when_its_reader_has_left_and_nothing_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    done: list[int] = []
    with left():
        assert guarded(lambda: work(done)) == 0
        assert lost_output() == ""
    assert (len(done), capfd.readouterr().err) == (100, "")


def test_a_pipe_that_does_not_block_gets_all_of_it() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    found: list[bytes] = []

    def read() -> None:
        while part := os.read(reading, 65_536):
            found.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    out = writer(writing)
    out.write("x" * 1_000_000)
    out.flush()
    os.close(writing)
    reader.join()
    os.close(reading)
    assert sum(map(len, found)) == 1_000_000


def test_a_character_that_the_encoding_lacks_is_a_question_mark() -> None:
    reading, writing = os.pipe()
    out = writer(writing)
    print("é", file=out)
    assert os.read(reading, 10) == b"?\n"
    os.close(reading)
    os.close(writing)
