"""Who the child is: another user where we are root, without capabilities, and gone when its parent is.

Where it stays the same user, Landlock and seccomp alone keep it from that user's processes and files.
"""

import ctypes
import os
import sys

from assessments.sandbox.refusing import NotConfined

# prctl
SET_PDEATHSIG, SET_DUMPABLE, DROP_BOUNDING, SET_SECUREBITS, SET_NO_NEW_PRIVS, AMBIENT = 1, 4, 24, 28, 38, 47
CLEAR_AMBIENT = 4
NO_ROOT_PRIVILEGES = 0x2F  # NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE's locks: user 0 is nobody special
CAPABILITIES = 64  # more than there are
VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def become(uid: int, gid: int, groups: list[int]) -> None:
    """Be that user from here on, with no way back. Raises NotConfined."""
    try:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise NotConfined(f"uid {uid}: {error.strerror}") from error
    if os.getresuid() != (uid,) * 3 or os.getresgid() != (gid,) * 3:
        raise NotConfined(f"uid {uid}: not taken on")


def drop_bounding_capabilities() -> None:
    """What no program started from here on could gain; needs privileges, and does nothing without."""
    libc = ctypes.CDLL(None, use_errno=True)
    for number in range(CAPABILITIES):
        libc.prctl(DROP_BOUNDING, number, 0, 0, 0)
    libc.prctl(SET_SECUREBITS, NO_ROOT_PRIVILEGES, 0, 0, 0)
    libc.prctl(AMBIENT, CLEAR_AMBIENT, 0, 0, 0)


def no_new_privileges() -> None:
    """No capability now, none later. Raises NotConfined."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(ctypes.byref(_Header(VERSION_3, 0)), ctypes.byref((_Sets * 2)())):
        raise NotConfined(f"capabilities: {os.strerror(ctypes.get_errno())}")
    if libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NotConfined(f"no_new_privs: {os.strerror(ctypes.get_errno())}")


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` ends; end at once where it has ended already.

    Forgotten by the kernel whenever the user changes: to be called after that.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(SET_PDEATHSIG, 9, 0, 0, 0)
        # Its parent may look which files it holds open; nobody else is of its user, or all are confined like it.
        libc.prctl(SET_DUMPABLE, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def first_to_go() -> None:
    """When the machine runs out of memory, this process goes, not the worker or the database."""
    try:
        with open("/proc/self/oom_score_adj", "w") as out:
            out.write("1000")
    except OSError:
        pass
