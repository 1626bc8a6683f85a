"""Ways out of the sandbox, as scripts. Each says `harm()` when it got there. Standard library only.

Outside the walls each one does its harm (the positive control): one that cannot work proves nothing. Where a machine or
a user keeps it from that even outside, `unless` says why that may be.
"""

from dataclasses import dataclass

# Before each script; the driver puts the values of its targets before that.
HEAD = """
import ctypes, os, platform, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def harm():
    print("harm", flush=True)
def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
print("begun", flush=True)
"""

OF_ROOT = "only root may"
BY_KERNEL = "this kernel, container or user may not"


@dataclass(frozen=True)
class Attack:
    """how: act (raises or is killed where it is stopped), bomb (ended for one of `reasons`), linger (never ends by
    itself), daemon (prints the number of a process that lives on)."""

    code: str
    how: str = "act"
    reasons: tuple[str, ...] = ()
    unless: str = ""
    machine: str = ""
    memory_mb: int = 1024
    seconds: float = 30.0


def bomb(code: str, *reasons: str, **options) -> Attack:
    return Attack(code, how="bomb", reasons=reasons, **options)


def linger(code: str) -> Attack:
    return Attack(code, how="linger", reasons=("out_of_time",), seconds=1.0)


def number(x86_64: int, aarch64: int) -> str:
    """A system call's number, for libc.syscall."""
    return f"{{'x86_64': {x86_64}, 'aarch64': {aarch64}}}[platform.machine()]"


FILES = {
    "read a file of the same user": Attack("open(secret).read(); harm()"),
    "read a system file": Attack("open('/etc/passwd').read(); harm()"),
    "list a folder beside": Attack("os.listdir(os.path.dirname(secret)); harm()"),
    "list other jobs": Attack("os.listdir('/tmp'); harm()"),
    "read the file of another job": Attack("open(other).read(); harm()"),
    "write into the folder of another job": Attack("open(other + '.new', 'w').close(); harm()"),
    "write outside": Attack("open(secret + '.new', 'w').close(); harm()"),
    "write to the inputs": Attack("open(given, 'a').close(); harm()"),
    "truncate an input": Attack("os.truncate(given, os.path.getsize(given)); harm()"),
    "truncate an input opened to read": Attack("os.open(given, os.O_RDONLY | os.O_TRUNC); harm()"),
    "replace an input": Attack("os.rename(given, given + '.old'); os.rename(given + '.old', given); harm()"),
    "remove an input": Attack("os.remove(extra); harm()"),
    "write to the folder for temporary files": Attack("open('/tmp/' + tag, 'w').close(); harm()"),
    "write to shared memory": Attack("open('/dev/shm/' + tag, 'w').close(); harm()", unless=BY_KERNEL),
    "make POSIX shared memory": Attack(
        "import _posixshmem; os.close(_posixshmem.shm_open('/' + tag + '-p', os.O_CREAT | os.O_RDWR, mode=0o600));"
        "_posixshmem.shm_unlink('/' + tag + '-p'); harm()",
        unless=BY_KERNEL,
    ),
    "overwrite Python's own code": Attack(
        "path = os.path.join(os.path.dirname(os.__file__), tag + '.txt')\n"
        "open(path, 'w').close(); os.remove(path); harm()",
        unless=OF_ROOT,
    ),
    "make a folder": Attack("os.mkdir('new'); harm()"),
    "change the mode of an input": Attack("os.chmod(given, 0o666); harm()"),
    "change the mode by a newer call": Attack(
        "call(libc.syscall(452, -100, given.encode(), 0o666, 0)); harm()", unless=BY_KERNEL
    ),
    "change the mode of its own file": Attack("open('x', 'w').close(); os.chmod('x', 0o4777); harm()"),
    "change the times of an input": Attack("os.utime(given, (1, 1)); harm()"),
    "give a file away": Attack("os.chown(given, os.getuid(), os.getgid()); harm()"),
    "leave a symbolic link as output": Attack("os.symlink(secret, 'results.json'); harm()"),
    "leave a hard link as output": Attack("open('x', 'w').close(); os.link('x', 'results.json'); harm()"),
    "leave a pipe as output": Attack("os.mkfifo('results.json'); harm()"),
    "leave a socket as output": Attack("s = socket.socket(socket.AF_UNIX); s.bind('results.json'); harm()"),
    "leave a device as output": Attack("os.mknod('disk', 0o60600, os.makedev(8, 0)); harm()", unless=OF_ROOT),
    "hold a file without a name": Attack("os.open('.', os.O_TMPFILE | os.O_RDWR); harm()", unless=BY_KERNEL),
    "hold up readers of an input": Attack("import fcntl; fcntl.fcntl(os.open(given, 0), 1024, 0); harm()"),
    "watch what others do to a folder": Attack(
        "call(libc.inotify_add_watch(call(libc.inotify_init()), b'/tmp', 0x100)); harm()"
    ),
    "open by handle": Attack(
        f"buffer = ctypes.create_string_buffer(b'\\x80\\0\\0\\0' + bytes(132), 136); mount = ctypes.c_int()\n"
        f"call(libc.syscall({number(303, 264)}, -100, secret.encode(), buffer, ctypes.byref(mount), 0)); harm()",
        unless=BY_KERNEL,
    ),
}
SECRETS = {
    "find a secret in its own environment": Attack("os.environ['MODELRISK_SECRET_KEY']; harm()"),
    "read the launcher's environment": Attack("open(f'/proc/{parent}/environ').read(); harm()"),
    "read its parent's environment": Attack("open(f'/proc/{os.getppid()}/environ').read(); harm()"),
    "read every environment": Attack(
        "import glob\nfound = 0\nfor path in glob.glob('/proc/[0-9]*/environ'):\n"
        "    if str(os.getpid()) not in path:\n"
        "        try: found += len(open(path).read())\n        except OSError: pass\n"
        "assert found; harm()"
    ),
    "read the launcher's memory map": Attack("open(f'/proc/{parent}/maps').read(1); harm()"),
    "list the launcher's files": Attack("os.listdir(f'/proc/{parent}/fd'); harm()"),
    "use a file that the launcher left open": Attack("os.pread(left, 10, 0); harm()"),
    "read the code of the project beside": Attack("open(project).read(); harm()"),
}
SOCKETS = {
    "connect by TCP": Attack("socket.create_connection(('127.0.0.1', port), 5); harm()"),
    "send by UDP": Attack("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port)); harm()"),
    "listen": Attack("socket.create_server(('127.0.0.1', 0)); harm()"),
    "listen on IPv6": Attack("socket.socket(socket.AF_INET6); harm()", unless=BY_KERNEL),
    "connect to a Unix socket": Attack("socket.socket(socket.AF_UNIX).connect(unix); harm()"),
    "connect to an abstract Unix socket": Attack("socket.socket(socket.AF_UNIX).connect('\\0' + tag); harm()"),
    "ask the kernel by netlink": Attack(
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).bind((0, 0)); harm()", unless=BY_KERNEL
    ),
    "open a raw socket": Attack("socket.socket(type=socket.SOCK_RAW, proto=1); harm()", unless=OF_ROOT),
    "open a packet socket": Attack("socket.socket(17, socket.SOCK_RAW); harm()", unless=OF_ROOT),
    "open a socket of the kernel's ciphers": Attack(
        "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET); harm()", unless=BY_KERNEL
    ),
    "hide files in a socket": Attack(
        "a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [os.open(given, 0)]); harm()"
    ),
}
PROCESSES = {
    "run a shell": Attack("assert os.system('true') == 0; harm()"),
    "start a program": Attack("import subprocess; subprocess.run(['/bin/true'], check=True); harm()"),
    "spawn a program": Attack("os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0); harm()"),
    "become a program": Attack("os.execv('/bin/echo', ['echo', 'harm'])"),
    "fork": Attack("pid = os.fork(); pid or os._exit(0); os.waitpid(pid, 0); harm()"),
    "fork by another call": Attack(
        f"pid = call(libc.syscall({number(56, 220)}, 17, None, None, None, None)); pid or os._exit(0)\n"
        "os.waitpid(pid, 0); harm()"
    ),
    "start a process": Attack(
        "import multiprocessing as m\np = m.get_context('fork').Process(target=len, args=('',))\n"
        "p.start(); p.join(); harm()"
    ),
    "bomb of forks": Attack(
        "import time\nfor _ in range(60):\n    if not os.fork():\n        time.sleep(0.2); os._exit(0)\nharm()"
    ),
    "leave a daemon behind": Attack(
        "r, w = os.pipe()\nif not os.fork():\n    os.setsid()\n    if not os.fork():\n"
        "        os.write(w, str(os.getpid()).encode())\n        for fd in (0, 1, 2): os.close(fd)\n"
        "        import time; time.sleep(30)\n    os._exit(0)\nprint(os.read(r, 20).decode(), flush=True); harm()",
        how="daemon",
    ),
    "run a program from memory": Attack(
        "fd = os.memfd_create('x'); os.write(fd, open('/bin/echo', 'rb').read()); os.set_inheritable(fd, True)\n"
        "os.execv(f'/proc/self/fd/{fd}', ['echo', 'harm'])"
    ),
    "leave the process group": Attack("os.setsid(); harm()"),
}
BOMBS = {
    "memory": bomb(
        "kept = []\nfor _ in range(40): kept.append(bytearray(10 << 20))\nharm()", "out_of_memory", memory_mb=150
    ),
    "shared memory": bomb(
        "import mmap\nkept = mmap.mmap(-1, 400 << 20)\nfor at in range(0, len(kept), 4096): kept[at] = 1\nharm()",
        "out_of_memory",
        memory_mb=150,
    ),
    "address space": bomb("import mmap; kept = mmap.mmap(-1, 9 << 30); harm()", "exited", memory_mb=400),
    "threads": bomb(
        "import threading, time\nthreading.stack_size(65536)\n"
        "for _ in range(800): threading.Thread(target=time.sleep, args=[2], daemon=True).start()\n"
        "time.sleep(1); harm()",
        "too_many_threads",
        "exited",
    ),
    "one huge file": bomb("os.pwrite(os.open('x', os.O_CREAT | os.O_RDWR), b'x', 300 << 20); harm()", "exited"),
    "big files in all": bomb(
        "import time\nfor i in range(9):\n    os.ftruncate(os.open(f'x{i}', os.O_CREAT | os.O_RDWR), 60 << 20)\n"
        "time.sleep(2); harm()",
        "too_much_output",
    ),
    "files that are removed but open": bomb(
        "import time\nfor i in range(9):\n    fd = os.open('x', os.O_CREAT | os.O_RDWR)\n"
        "    os.posix_fallocate(fd, 0, 60 << 20); os.remove('x')\ntime.sleep(2); harm()",
        "too_much_output",
    ),
    "files that are removed but mapped": bomb(
        "import mmap, time\nkept = []\nfor i in range(9):\n    fd = os.open('x', os.O_CREAT | os.O_RDWR)\n"
        "    os.posix_fallocate(fd, 0, 60 << 20); kept.append(mmap.mmap(fd, 60 << 20)); os.close(fd); os.remove('x')\n"
        "time.sleep(2); harm()",
        "too_much_output",
    ),
    "many files": bomb(
        "import time\nfor i in range(1500): open(f'f{i}', 'w').close()\ntime.sleep(2); harm()", "too_much_output"
    ),
    "many folders": bomb("for i in range(300): os.mkdir(f'd{i}')\nharm()", "exited", "too_much_output"),
    "flood of lines": bomb("for _ in range(300): print('x' * 400_000)\nharm()", "too_much_output"),
    "one line without end": bomb(
        "sys.stdout.write('x' * (6 << 20)); sys.stdout.flush(); print(); harm()", "too_much_output"
    ),
    "spin": linger("while True: pass"),
    "sleep for ever": linger("import time; time.sleep(99)"),
    "ignore every signal": linger(
        "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "while True: pass"
    ),
}
PARENT = {
    "signal the launcher": Attack("os.kill(parent, 0); harm()"),
    "signal its parent": Attack("os.kill(os.getppid(), 0); harm()"),
    "signal a thread of the launcher": Attack(f"call(libc.syscall({number(234, 131)}, parent, parent, 0)); harm()"),
    "signal every process": Attack("os.kill(-1, 0); harm()"),
    "signal by descriptor": Attack("import signal; signal.pidfd_send_signal(os.pidfd_open(parent), 0); harm()"),
    "have the kernel signal the launcher": Attack("import fcntl; r, w = os.pipe(); fcntl.fcntl(r, 8, parent); harm()"),
    "queue a signal": Attack(
        f"info = (ctypes.c_int * 32)(0, 0, -1); call(libc.syscall({number(129, 138)}, parent, 0, info)); harm()"
    ),
    "trace the launcher": Attack(
        "libc.ptrace.argtypes = [ctypes.c_long] * 4\n"
        "call(libc.ptrace(0x4206, parent, 0, 0)); libc.ptrace(17, parent, 0, 0); harm()",
        unless=BY_KERNEL,
    ),
    "read the launcher's memory": Attack(
        "class V(ctypes.Structure): _fields_ = [('base', ctypes.c_void_p), ('len', ctypes.c_size_t)]\n"
        "buffer = ctypes.create_string_buffer(8); own = V(ctypes.addressof(buffer), 8); theirs = V(address, 8)\n"
        "call(libc.process_vm_readv(parent, ctypes.byref(own), 1, ctypes.byref(theirs), 1, 0)); harm()",
        unless=BY_KERNEL,
    ),
    "open the launcher's memory": Attack("open(f'/proc/{parent}/mem', 'rb'); harm()", unless=BY_KERNEL),
    "limit the launcher": Attack("import resource; resource.prlimit(parent, resource.RLIMIT_CORE); harm()"),
    "bind the launcher to a core": Attack("os.sched_setaffinity(parent, os.sched_getaffinity(parent)); harm()"),
    "slow the launcher down": Attack("os.setpriority(os.PRIO_PROCESS, parent, os.getpriority(0, parent)); harm()"),
    "outlive the launcher": Attack("call(libc.prctl(1, 0, 0, 0, 0)); harm()"),
    "hide its open files from the launcher": Attack("call(libc.prctl(4, 0, 0, 0, 0)); harm()"),
    "raise its own limits": Attack(
        "import resource\nlow, high = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40)); harm()"
    ),
    "type into a terminal": Attack("import fcntl; fcntl.ioctl(tty, 0x5412, b'x'); harm()", unless=BY_KERNEL),
}
KERNEL = {
    "make a user namespace": Attack("call(libc.unshare(0x10000000)); harm()", unless=BY_KERNEL),
    "make a mount namespace": Attack("call(libc.unshare(0x20000)); harm()", unless=OF_ROOT),
    "mount": Attack(
        "call(libc.unshare(0x20000)); call(libc.mount(b't', b'/mnt', b'tmpfs', 0, None)); harm()", unless=OF_ROOT
    ),
    "clone a mount": Attack("call(libc.syscall(428, -100, b'/', 1)); harm()", unless=OF_ROOT),
    "change the root": Attack("os.chroot('/'); harm()", unless=OF_ROOT),
    "become root": Attack("os.setresuid(0, 0, 0); harm()", unless=OF_ROOT),
    "change its user": Attack("os.setresuid(1, 1, 1); harm()", unless=OF_ROOT),
    "io_uring": Attack("call(libc.syscall(425, 1, (ctypes.c_char * 120)())); harm()", unless=BY_KERNEL),
    "bpf": Attack(
        f"key = (ctypes.c_uint * 32)(2, 4, 4, 1); call(libc.syscall({number(321, 280)}, 0, key, 72)); harm()",
        unless=BY_KERNEL,
    ),
    "add a key to the kernel's keyring": Attack(
        f"call(libc.syscall({number(248, 217)}, b'user', tag.encode(), b'x', 1, -2)); harm()", unless=BY_KERNEL
    ),
    "userfaultfd": Attack(f"call(libc.syscall({number(323, 282)}, 1)); harm()", unless=BY_KERNEL),
    "count events of the processor": Attack(
        f"attr = (ctypes.c_uint * 32)(1, 128); call(libc.syscall({number(298, 241)}, attr, 0, -1, -1, 0)); harm()",
        unless=BY_KERNEL,
    ),
    "a file in memory": Attack("os.memfd_create('x'); harm()"),
    "System V shared memory": Attack("call(libc.shmctl(call(libc.shmget(0, 4096, 0o1600)), 0, None)); harm()"),
    "a message queue": Attack(
        f"call(libc.syscall({number(240, 180)}, tag.encode(), 0o100 | 2, 0o600, None))\n"
        f"libc.syscall({number(241, 181)}, tag.encode()); harm()",
        unless=BY_KERNEL,
    ),
    "change the kind of machine": Attack("call(libc.personality(0x0040000)); harm()"),
    "read the kernel's log": Attack("call(libc.klogctl(10, None, 0)); harm()", unless=BY_KERNEL),
    "a newer call than the filter knows": Attack(
        "call(libc.syscall(465, -100, given.encode(), 0, None, 0)); harm()", unless=BY_KERNEL
    ),
    "calls of 32-bit programs": Attack(
        "import mmap\ncode = mmap.mmap(-1, 4096, prot=7); code.write(bytes.fromhex('53b814000000cd805bc3'))\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(code))\n"
        "assert ctypes.CFUNCTYPE(ctypes.c_int)(at)() == os.getpid(); harm()",
        machine="x86_64",
        unless=BY_KERNEL,
    ),
    "calls of the x32 architecture": Attack(
        "call(libc.syscall(0x40000000 | 39)); harm()", machine="x86_64", unless=BY_KERNEL
    ),
}
ATTACKS = {
    **FILES,
    **SECRETS,
    **SOCKETS,
    **PROCESSES,
    **{f"bomb: {k}": v for k, v in BOMBS.items()},
    **PARENT,
    **KERNEL,
}
HARMLESS = "import json, tempfile\nopen('found.json', 'w').write(json.dumps(6 * 7))\nprint(open('found.json').read())"
