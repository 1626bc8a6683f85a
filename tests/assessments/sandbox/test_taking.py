"""Files out of a folder that a stranger's code could write to."""

import os
import socket

import pytest

from assessments.sandbox import taking


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secret").write_text("the key")
    return tmp_path / "secret"


def link(path, secret):
    path.symlink_to(secret)


def second_name(path, secret):
    os.link(secret, path)


def pipe(path, secret):
    os.mkfifo(path)


def folder(path, secret):
    path.mkdir()


def device(path, secret):
    path.symlink_to("/dev/zero")


def a_socket(path, secret):
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)
        made.bind(path.name)


def too_big(path, secret):
    path.write_bytes(b"x" * 101)


def holes(path, secret):
    with path.open("wb") as out:
        out.truncate(1 << 40)


def nothing(path, secret):
    pass


@pytest.mark.parametrize("left", [link, second_name, pipe, folder, device, a_socket, too_big, holes, nothing])
def test_only_a_plain_file_of_bounded_size_is_taken(tmp_path, secret, left, monkeypatch):
    monkeypatch.chdir(tmp_path)
    left(tmp_path / "left", secret)
    with pytest.raises(taking.NotTaken):
        taking.take(tmp_path / "left", tmp_path / "taken", most=100)
    assert not (tmp_path / "taken").exists()


def test_a_plain_file_is_taken(tmp_path):
    (tmp_path / "left").write_bytes(b"x" * 100)
    assert taking.take(tmp_path / "left", tmp_path / "taken", most=100) == 100
    assert (tmp_path / "taken").read_bytes() == b"x" * 100


def test_nothing_that_is_there_is_overwritten(tmp_path, secret):
    (tmp_path / "left").write_bytes(b"x")
    with pytest.raises(FileExistsError):
        taking.take(tmp_path / "left", secret, most=100)
    assert secret.read_text() == "the key"
