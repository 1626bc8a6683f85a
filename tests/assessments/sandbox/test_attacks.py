"""Attacks on the boundary. Each is first run unconfined and must succeed: one that cannot work proves nothing."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from assessments.sandbox import launch

pytestmark = pytest.mark.skipif(
    not {"landlock", "seccomp"} <= set(launch.layers()), reason=f"this machine has only {launch.layers()}"
)

ATTACKS = {
    "read a file of the same user": "open(secret).read()",
    "read a system file": "open('/etc/passwd').read()",
    "list a folder beside": "import os; os.listdir(os.path.dirname(secret))",
    "read the parent's environment": "import os; open(f'/proc/{parent}/environ').read()",
    "write outside": "open(secret + '.new', 'w').close()",
    "write to the inputs": "open(given, 'a').write('x')",
    "write to the shared folder for temporary files": "open('/tmp/' + tag, 'w').close()",
    "write to shared memory": "open('/dev/shm/' + tag, 'w').close()",
    "make a folder": "import os; os.mkdir('new')",
    "change the mode of a file": "import os; os.chmod(given, 0o777)",
    "link to a file": "import os; os.symlink(secret, 'link')",
    "start a program": "import subprocess; subprocess.run(['/bin/true'], check=True)",
    "run a shell": "import os; assert os.system('true') == 0",
    "fork": "import os; pid = os.fork(); pid or os._exit(0); os.waitpid(pid, 0)",
    "start a process": "import multiprocessing as m; p = m.Process(target=len, args=('',)); p.start(); p.join()",
    "connect by TCP": "import socket; socket.create_connection(('127.0.0.1', port), 5)",
    "send by UDP": "from socket import *; s = socket(AF_INET, SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', port))",
    "connect to a Unix socket": "import socket; s = socket.socket(socket.AF_UNIX); s.connect(unix)",
    "signal the parent": "import os; os.kill(parent, 0)",
    "outlive the parent": "import ctypes; assert ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0",
    "limit the parent": "import resource; resource.prlimit(parent, resource.RLIMIT_CORE)",
    "raise its own limits": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (999, 999))",
}


@pytest.fixture
def target(tmp_path):
    """Things to attack; the values are put before the attack's code."""
    secret = tmp_path / "beside" / "secret.txt"
    secret.parent.mkdir()
    secret.write_text("secret")
    given = tmp_path / "given.csv"
    given.write_text("a,b")
    tcp = socket.create_server(("127.0.0.1", 0))
    folder = tempfile.mkdtemp(prefix="s")  # a short path: Unix sockets have room for 108 bytes
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(f"{folder}/s")
    unix.listen()
    tag = f"modelrisk-attack-{os.getpid()}-{threading.get_ident()}"
    yield {
        "secret": str(secret),
        "given": str(given),
        "port": tcp.getsockname()[1],
        "unix": f"{folder}/s",
        "parent": os.getpid(),
        "tag": tag,
    }
    tcp.close()
    unix.close()
    shutil.rmtree(folder)
    for where in ("/tmp", "/dev/shm"):
        Path(where, tag).unlink(missing_ok=True)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_the_attack_is_stopped(attack, target, tmp_path):
    code = "".join(f"{name} = {value!r}\n" for name, value in target.items()) + f"{ATTACKS[attack]}\nprint('it worked')"
    (tmp_path / "plain").mkdir()
    unconfined = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "plain", capture_output=True, text=True, timeout=30
    )
    assert unconfined.stdout == "it worked\n", unconfined.stderr

    lines = []
    ended = launch.run(
        ["-c", code], read=[Path(target["given"])], write=tmp_path / "out", seconds=30, on_line=lines.append
    )
    assert lines == []
    assert ended.started
    assert ended.code == 1, ended


def test_an_input_can_be_read(target, tmp_path):
    lines = []
    given = Path(target["given"])
    launch.run(
        ["-c", f"print(open({str(given)!r}).read())"],
        read=[given],
        write=tmp_path / "out",
        seconds=30,
        on_line=lines.append,
    )
    assert lines == ["a,b"]


def test_the_project_beside_its_code_cannot_be_read(tmp_path):
    code = f"open({str(launch.ROOT / 'pyproject.toml')!r})"
    ended = launch.run(["-c", code], read=[], write=tmp_path / "out", seconds=30, on_line=print)
    assert "PermissionError" in ended.log or "FileNotFoundError" in ended.log
