"""Files are opened in one way: nothing is waited for, and nothing larger than can be is read."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from maenas.blocks import SpecError
from maenas.blocks.files.plain_file import MIB, read_bytes, read_text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match="is a pipe or a device, not a file"):
        read_bytes(tmp_path / "pipe", limit=MIB)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="the system has no such sockets")
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # their names must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(SpecError, match=r"^socket: cannot be read: "):
            read_bytes(Path("socket"), limit=MIB)


@pytest.mark.parametrize("name", ["null", "zero"])
def test_a_device_is_refused(name: str) -> None:
    with pytest.raises(SpecError, match="is a pipe or a device, not a file"):
        read_bytes(Path("/dev") / name, limit=MIB)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("none.yaml", "none.yaml: no such file; look elsewhere."),
        (".", "is a folder, not a file."),
        ("n" * 300, "cannot be read: File name too long."),
        ("a\0b", "cannot be the name of a file."),
        ("\ud800", "cannot be the name of a file."),
        ("mine.yaml/more", "cannot be read: Not a directory."),
    ],
)
def test_what_cannot_be_opened_is_one_line(tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "mine.yaml").write_text("a: 1")
    with pytest.raises(SpecError) as told:
        read_bytes(tmp_path / path, limit=MIB, missing="no such file; look elsewhere.")
    assert str(told.value).endswith(words)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)  # takes no room
    with pytest.raises(SpecError, match="is larger than 8 MiB, the limit for such a file"):
        read_bytes(tmp_path / "large", limit=8 * MIB)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc\xff")
    with pytest.raises(SpecError, match="is not text in UTF-8: line 1 has the byte 0x"):
        read_text(tmp_path / "a", limit=MIB)
