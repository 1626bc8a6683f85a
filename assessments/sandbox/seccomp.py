"""seccomp: which system calls the child can make. No process, socket, signal to others, namespace or mode of a file.

A list of what is refused, not of what is allowed: numerical libraries make too many kinds of calls for the latter. What
the list cannot know, calls newer than the list, is refused by number. Sources: libseccomp's seccomp_rule_add(3),
seccomp_unotify(2), the kernel's tables of system calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

from assessments.sandbox.refusing import NotConfined

TYPE_CHECKING = False  # see confine.py
if TYPE_CHECKING:
    from collections.abc import Callable

ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
BAD_ARCHITECTURE = 2  # libseccomp's attribute: what a call of another architecture (i386, x32) does
NOT_EQUAL, EQUAL, MASKED_EQUAL = 1, 4, 7
EVERY_BIT = 0xFFFFFFFF  # of an int: the kernel ignores the upper half of the register, and so must a comparison
CLONE_THREAD = 0x10000
TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP = 0x5412, 0x541C, 0x8901, 0x8902
SET_SIGNAL_TARGET, SET_SIGNAL_OF_PIPES, SET_LEASE, NOTIFY, SET_OWNER_EX = 8, 10, 1024, 1026, 15  # of fcntl
SET_PDEATHSIG, SET_DUMPABLE = 1, 4  # of prctl
# O_TMPFILE's own bit differs by architecture; O_DIRECTORY, which it always includes, is left out of the mask.
TMPFILE = getattr(os, "O_TMPFILE", 0) & ~getattr(os, "O_DIRECTORY", 0)
TRUNCATE_UNWRITTEN = os.O_TRUNC | os.O_ACCMODE
NEWEST = 462  # the last call that this list was written with (mseal, Linux 6.10); newer ones do not exist here

DENIED = """
execve execveat fork vfork ptrace process_vm_readv process_vm_writev process_madvise process_mrelease pidfd_open
pidfd_getfd pidfd_send_signal kcmp socket connect bind listen accept accept4 sendmsg sendmmsg setsid setpgid tkill
rt_sigqueueinfo rt_tgsigqueueinfo mount umount2 pivot_root chroot unshare setns bpf perf_event_open userfaultfd keyctl
add_key request_key io_uring_setup io_uring_enter io_uring_register init_module finit_module delete_module kexec_load
kexec_file_load open_by_handle_at name_to_handle_at swapon swapoff reboot settimeofday clock_settime clock_adjtime
adjtimex acct quotactl quotactl_fd fsopen fsmount fsconfig fspick move_mount open_tree mount_setattr statmount
listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules chmod fchmod fchmodat fchmodat2 chown fchown lchown
fchownat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr utime utimes utimensat futimesat truncate
symlink symlinkat link linkat mknod mknodat shmget shmat shmctl msgget semget mq_open mq_unlink memfd_secret setuid
setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset setpriority ioprio_set
sched_setscheduler sched_setparam sched_setattr migrate_pages move_pages fanotify_init inotify_init inotify_init1
inotify_add_watch personality syslog sethostname setdomainname lookup_dcookie vhangup nfsservctl
""".split()  # noqa: SIM905 - a list of 150 lines says no more
# Named by libraries as "not there", so that their callers take the older way, which can be filtered.
UNKNOWN = ("clone3", "openat2", "memfd_create")
# Calls that a libseccomp older than they are has no name for. From 424 on, one number serves every architecture.
NUMBERS = {
    **{"pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427},
    **{"open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433},
    **{"pidfd_open": 434, "clone3": 435, "openat2": 437, "pidfd_getfd": 438, "process_madvise": 440},
    **{"mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447, "process_mrelease": 448, "fchmodat2": 452},
    **{"statmount": 457, "listmount": 458, "lsm_get_self_attr": 459, "lsm_set_self_attr": 460, "lsm_list_modules": 461},
}


class _Argument(ctypes.Structure):
    _fields_ = [("index", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def library() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    try:
        return ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None


def absent() -> str:
    """Why there is no seccomp here and what to do about it; empty where there is."""
    if sys.platform != "linux":
        return "seccomp is part of Linux; run the worker on Linux or in a Linux container"
    if library() is None:
        return "libseccomp.so.2 is not installed (Debian, Ubuntu: apt-get install libseccomp2)"
    if ctypes.CDLL(None, use_errno=True).prctl(21, 0, 0, 0, 0) < 0:  # PR_GET_SECCOMP
        return "this kernel was built without seccomp"
    return ""


def restrict() -> None:
    """Refuse new processes, sockets, signals to others and everything else that computing needs not."""
    found = library()
    if found is None:
        raise NotConfined("seccomp: libseccomp.so.2 is not installed")
    _refuse_newer()
    found.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(found.seccomp_init(ctypes.c_uint32(ALLOW)))
    if found.seccomp_attr_set(context, BAD_ARCHITECTURE, ctypes.c_uint32(KILL_PROCESS)):
        raise NotConfined("seccomp: calls of other architectures cannot be refused")
    _refuse_all(_refusal(found, context))
    if code := found.seccomp_load(context):
        raise NotConfined(f"seccomp: {os.strerror(-code)}")
    found.seccomp_release(context)


def _refusal(found: ctypes.CDLL, context: ctypes.c_void_p) -> Callable[..., None]:
    def refuse(name: str, error: int = errno.EPERM, *where: tuple[int, int, int] | tuple[int, int, int, int]) -> None:
        number = found.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            number = NUMBERS.get(name, number)
        if number < 0:
            return  # not on this architecture
        conditions = (_Argument * max(1, len(where)))(*(_Argument(*each) for each in where))
        code = found.seccomp_rule_add_array(context, ctypes.c_uint32(ERRNO | error), number, len(where), conditions)
        if code not in (0, -errno.EEXIST):
            raise NotConfined(f"seccomp, {name}: {os.strerror(-code)}")

    return refuse


def _refuse_all(refuse: Callable[..., None]) -> None:
    for name in DENIED:
        refuse(name)
    for name in UNKNOWN:
        refuse(name, errno.ENOSYS)
    # Threads yes, processes no: without clone3 the C library falls back to clone, whose flags can be filtered.
    refuse("clone", errno.EPERM, (0, MASKED_EQUAL, CLONE_THREAD, 0))
    own = os.getpid()
    for name in ("kill", "tgkill"):
        refuse(name, errno.EPERM, (0, NOT_EQUAL, own, 0))
    for name in ("prlimit64", "sched_setaffinity"):
        refuse(name, errno.EPERM, (0, NOT_EQUAL, 0, 0))
    # It may not outlive its parent, nor hide from it what files it holds open.
    for option in (SET_PDEATHSIG, SET_DUMPABLE):
        refuse("prctl", errno.EPERM, (0, MASKED_EQUAL, EVERY_BIT, option))
    for request in (TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP):
        refuse("ioctl", errno.EPERM, (1, MASKED_EQUAL, EVERY_BIT, request))
    # The kernel signals whoever a descriptor's owner is said to be; a lease holds up whoever opens the file next.
    for command in (SET_SIGNAL_TARGET, SET_SIGNAL_OF_PIPES, SET_OWNER_EX, SET_LEASE, NOTIFY):
        refuse("fcntl", errno.EPERM, (1, MASKED_EQUAL, EVERY_BIT, command))
    for name, flags in (("open", 1), ("openat", 2)):
        # A file without a name is not seen by who counts the output; Landlock before 6.2 lets readers truncate.
        refuse(name, errno.EOPNOTSUPP, (flags, MASKED_EQUAL, TMPFILE, TMPFILE))
        refuse(name, errno.EPERM, (flags, MASKED_EQUAL, TRUNCATE_UNWRITTEN, os.O_TRUNC))


def _refuse_newer() -> None:
    """A filter of its own, since libseccomp knows no "greater than" for numbers: newer calls answer "not there".

    Calls of other architectures pass here: the other filter kills them.
    """
    load_number, if_greater, give = 0x20, 0x25, 0x06
    x32 = 0x40000000  # numbers of another architecture, left to the other filter
    steps = [(load_number, 0, 0, 0), (if_greater, 0, 2, NEWEST), (if_greater, 1, 0, x32 - 1)]
    steps += [(give, 0, 0, ERRNO | errno.ENOSYS), (give, 0, 0, ALLOW)]
    instructions = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    program = _Program(len(steps), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(22, 2, ctypes.byref(program), 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise NotConfined(f"seccomp: {os.strerror(ctypes.get_errno())}")
