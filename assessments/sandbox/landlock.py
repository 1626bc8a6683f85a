"""Landlock: which files the child can reach. Nothing of the network, and no signal or abstract socket out of it.

Source: Documentation/userspace-api/landlock.rst of the Linux kernel. The system calls have one number everywhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys

from assessments.sandbox.refusing import NotConfined

TYPE_CHECKING = False  # see confine.py
if TYPE_CHECKING:
    from collections.abc import Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE, MAKE_REG, TRUNCATE, IOCTL_DEV = (1 << b for b in (1, 2, 3, 5, 8, 14, 15))
READ = READ_FILE | READ_DIR
CHANGE = READ | WRITE_FILE | REMOVE_FILE | MAKE_REG | TRUNCATE  # no directories, links, sockets, pipes or devices
OF_A_FILE = 1 | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("fd", ctypes.c_int32)]


def abi() -> int:
    """The version of Landlock that this kernel offers; 0 where it has none or it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, 1))


def absent() -> str:
    """Why there is no Landlock here and what to do about it; empty where there is."""
    if sys.platform != "linux":
        return "Landlock is part of Linux; run the worker on Linux or in a Linux container"
    if abi():
        return ""
    if ctypes.get_errno() == errno.EOPNOTSUPP:
        return "Landlock is switched off; add landlock to the kernel's lsm= list and restart"
    return "this kernel has no Landlock; use Linux 5.13 or newer, and a container profile that allows it"


def restrict(*, read: Iterable[str], write: Iterable[str]) -> None:
    """From here on only `read` can be read and only the folders `write` changed; no TCP. Missing paths are skipped."""
    version = abi()
    handled = (1 << (13 + (version >= 2) + (version >= 3))) - 1 | (IOCTL_DEV if version >= 5 else 0)
    tcp = 3 if version >= 4 else 0  # bind and connect
    scoped = 3 if version >= 6 else 0  # abstract Unix sockets and signals
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = _Ruleset(handled, tcp, scoped)
    size = 8 if version < 4 else 16 if version < 6 else 24
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
