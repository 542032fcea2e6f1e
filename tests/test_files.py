"""Files that somebody else made are read within limits, or refused with a sentence."""

import os
from pathlib import Path

import pytest

from mnist_tui.files import UnreadableFileError, parse_json, parse_toml, read_bytes, read_json, read_text


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfclasses")
    assert read_text(tmp_path / "a") == "classes"


def test_utf_16_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("x = 1".encode("utf-16"))
    with pytest.raises(UnreadableFileError, match="is UTF-16 text; save it as UTF-8"):
        read_text(tmp_path / "a")


def test_a_link_is_followed_only_where_a_person_named_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_text(tmp_path / "link", follow_links=True) == "1"
    with pytest.raises(UnreadableFileError, match="is a symbolic link"):
        read_text(tmp_path / "link")


def test_a_pipe_a_folder_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), (Path("/dev/zero"), "a device")):
        with pytest.raises(UnreadableFileError, match=f"is {kind}, not a file"):
            read_bytes(path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 11)
    with pytest.raises(UnreadableFileError, match="is larger than 10 bytes"):
        read_bytes(tmp_path / "a", 10)


@pytest.mark.parametrize("depth", [65, 3_000, 200_000])
def test_deep_nesting_is_refused_by_name(depth: int) -> None:
    with pytest.raises(ValueError, match="nested deeper than 64"):
        parse_json("[" * depth + "]" * depth)
    with pytest.raises(ValueError, match="nested deeper than 64"):
        parse_toml("a = " + "[" * depth + "]" * depth)


def test_what_is_not_json_or_has_a_number_of_5000_digits_is_refused(tmp_path: Path) -> None:
    for text in ("{", "9" * 5_000, ""):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(UnreadableFileError, match="is not JSON that can be used"):
            read_json(tmp_path / "a.json")
    with pytest.raises(ValueError, match="digits"):
        parse_toml(f"a = {'9' * 5_000}")
