"""What the child does to itself before it touches a stranger's file: Landlock, seccomp, no new privileges.

Runs inside the child only (see bootstrap.py). Landlock decides which files can be reached, seccomp which system calls
can be made; neither alone is enough: Landlock knows nothing of chmod, signals or UDP, seccomp nothing of paths.
Sources: Documentation/userspace-api/landlock.rst of the Linux kernel; libseccomp's seccomp_rule_add(3).
"""

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

# Landlock: system calls (the same number on every architecture) and rights, as bits.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE, MAKE_REG, TRUNCATE, IOCTL_DEV = (1 << b for b in (1, 2, 3, 5, 8, 14, 15))
READ = READ_FILE | READ_DIR
CHANGE = READ | WRITE_FILE | REMOVE_FILE | MAKE_REG | TRUNCATE  # no directories, links, sockets, pipes or devices
OF_A_FILE = 1 | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

# prctl
SET_PDEATHSIG, SET_DUMPABLE, SET_NO_NEW_PRIVS = 1, 4, 38

# seccomp
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NOT_EQUAL, EQUAL, MASKED_EQUAL = 1, 4, 7
CLONE_THREAD, TIOCSTI = 0x10000, 0x5412
DENIED = """
execve execveat fork vfork ptrace process_vm_readv process_vm_writev process_madvise pidfd_open pidfd_getfd
pidfd_send_signal kcmp socket connect bind listen accept accept4 setsid setpgid tkill rt_sigqueueinfo
rt_tgsigqueueinfo mount umount2 pivot_root chroot unshare setns bpf perf_event_open userfaultfd keyctl add_key
request_key io_uring_setup io_uring_enter io_uring_register init_module finit_module delete_module kexec_load
kexec_file_load open_by_handle_at name_to_handle_at swapon swapoff reboot settimeofday clock_settime clock_adjtime
adjtimex acct quotactl fsopen fsmount fsconfig fspick move_mount open_tree mount_setattr chmod fchmod fchmodat
fchmodat2 chown fchown lchown fchownat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr utime
utimes utimensat futimesat symlink symlinkat link linkat mknod mknodat shmget shmat shmctl msgget semget mq_open
memfd_secret setuid setgid setreuid setregid setresuid setresgid setgroups setpriority ioprio_set migrate_pages
move_pages fanotify_init personality syslog sethostname setdomainname lookup_dcookie vhangup nfsservctl
""".split()  # noqa: SIM905 - a list of 110 lines says no more


class NotConfined(RuntimeError):
    """A layer that this machine has could not be put on; nothing may run."""


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("fd", ctypes.c_int32)]


class _Argument(ctypes.Structure):
    _fields_ = [("index", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """The version of Landlock that this kernel offers; 0 where it has none or it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, _libc().syscall(CREATE_RULESET, None, 0, 1))


def seccomp_library() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None


def available() -> tuple[str, ...]:
    """The layers that can be put on here, in the order in which they are."""
    found = ["rlimits"]
    if sys.platform == "linux":
        found.append("no_new_privs")
    if landlock_abi():
        found.append("landlock")
    if seccomp_library():
        found.append("seccomp")
    return tuple(found)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` ends; end at once where it has ended already."""
    if sys.platform == "linux":
        _libc().prctl(SET_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def no_new_privileges() -> None:
    libc = _libc()
    libc.prctl(SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NotConfined(f"no_new_privs: {os.strerror(ctypes.get_errno())}")


def landlock(*, read: Iterable[str], write: Iterable[str]) -> None:
    """From here on only `read` can be read and only the folders `write` changed; no TCP. Missing paths are skipped."""
    abi = landlock_abi()
    handled = (1 << (13 + (abi >= 2) + (abi >= 3))) - 1 | (IOCTL_DEV if abi >= 5 else 0)
    tcp = 3 if abi >= 4 else 0  # bind and connect
    scoped = 3 if abi >= 6 else 0  # abstract Unix sockets and signals
    libc = _libc()
    attributes = _Ruleset(handled, tcp, scoped)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = libc.syscall(CREATE_RULESET, ctypes.byref(attributes), size, 0)
    if ruleset < 0:
        raise NotConfined(f"landlock: {os.strerror(ctypes.get_errno())}")
    for path in read:
        _allow(libc, ruleset, path, READ & handled)
    _allow(libc, ruleset, "/dev/null", (READ_FILE | WRITE_FILE | TRUNCATE) & handled)
    for path in write:
        _allow(libc, ruleset, path, CHANGE & handled)
    if libc.syscall(RESTRICT_SELF, ruleset, 0):
        raise NotConfined(f"landlock: {os.strerror(ctypes.get_errno())}")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not stat.S_ISDIR(os.fstat(handle).st_mode):
        access &= OF_A_FILE
    refused = libc.syscall(ADD_RULE, ruleset, 1, ctypes.byref(_Beneath(access, handle)), 0)
    os.close(handle)
    if refused:
        raise NotConfined(f"landlock, {path}: {os.strerror(ctypes.get_errno())}")


def seccomp() -> None:
    """Refuse new processes, sockets, signals to others and everything else that computing needs not."""
    library = seccomp_library()
    if library is None:
        raise NotConfined("seccomp: libseccomp.so.2 is not installed")
    library.seccomp_init.restype = ctypes.c_void_p
    # Everything else is allowed; a system call of a foreign architecture kills the process.
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ALLOW)))

    def refuse(name: str, error: int = errno.EPERM, *where: _Argument) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # not on this architecture
        conditions = (_Argument * max(1, len(where)))(*where)
        code = library.seccomp_rule_add_array(context, ctypes.c_uint32(ERRNO | error), number, len(where), conditions)
        if code not in (0, -errno.EEXIST):
            raise NotConfined(f"seccomp, {name}: {os.strerror(-code)}")

    for name in DENIED:
        refuse(name)
    # Threads yes, processes no: without clone3 the C library falls back to clone, whose flags can be filtered.
    refuse("clone3", errno.ENOSYS)
    refuse("clone", errno.EPERM, _Argument(0, MASKED_EQUAL, CLONE_THREAD, 0))
    refuse("memfd_create", errno.ENOSYS)
    for name in ("kill", "tgkill"):
        refuse(name, errno.EPERM, _Argument(0, NOT_EQUAL, os.getpid(), 0))
    refuse("prlimit64", errno.EPERM, _Argument(0, NOT_EQUAL, 0, 0))
    refuse("prctl", errno.EPERM, _Argument(0, EQUAL, SET_PDEATHSIG, 0))
    refuse("ioctl", errno.EPERM, _Argument(1, MASKED_EQUAL, 0xFFFFFFFF, TIOCSTI))
    if code := library.seccomp_load(context):
        raise NotConfined(f"seccomp: {os.strerror(-code)}")
    library.seccomp_release(context)


def system_paths() -> list[str]:
    """What any Python needs to read: itself, the C library, time zones, and what tells the number of cores."""
    return sorted(
        {
            sys.prefix,
            sys.base_prefix,
            str(Path(sys.executable).resolve().parent),
            "/usr/lib",
            "/usr/lib64",
            "/usr/local/lib",
            "/lib",
            "/lib64",
            "/etc/ld.so.cache",
            "/usr/share/zoneinfo",
            "/etc/localtime",
            "/dev/urandom",
            "/dev/random",
            "/sys/devices/system/cpu",
            "/sys/fs/cgroup/cpu.max",
            "/proc/cpuinfo",
            "/proc/meminfo",
            "/proc/stat",
            "/proc/self",
        }
    )
