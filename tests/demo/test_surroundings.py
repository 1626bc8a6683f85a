"""The demo keeps to itself."""

import socket

import pytest

from modelrisk.demo import surroundings


def test_the_demo_touches_no_other_installation(tmp_path):
    real = {"PATH": "/bin", "DATABASE_URL": "postgres://bank", "MODELRISK_S3_BUCKET": "bank", "MODELRISK_WORKERS": "1"}
    assert surroundings.environment(real, tmp_path) == {
        "PATH": "/bin",
        "MODELRISK_WORKERS": "1",
        "MODELRISK_STATE_DIR": str(tmp_path),
    }


def test_its_environment_is_settled_after_one_step(tmp_path):
    once = surroundings.environment({"MODELRISK_SECRET_KEY_FILE": "x", "HOME": "/h"}, tmp_path)
    assert surroundings.environment(once, tmp_path) == once


def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(surroundings.NoPort, match=str(port)):
            surroundings.choose_port(port)


def test_the_next_free_port_is_taken():
    first = surroundings.choose_port(None)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", first))
        taken.listen()
        assert surroundings.choose_port(None) not in {first, 0}


def test_the_password_is_kept_for_this_user_alone(tmp_path):
    first = surroundings.kept_password(tmp_path)
    assert surroundings.kept_password(tmp_path) == first
    assert len(first) > 12
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0
