"""A file system of the child's own, which holds what it may read and nothing else, and a network without any device.

What bubblewrap does, without the program: a forked child, which can start none, gets it too. Needs the right to make
user namespaces, or to be root with CAP_SYS_ADMIN; most containers and some distributions refuse both.
Sources: mount_namespaces(7), user_namespaces(7), open_tree(2), move_mount(2), mount_setattr(2), pivot_root(2).
"""

from __future__ import annotations

import ctypes
import os
import stat

from assessments.sandbox.refusing import NotConfined

TYPE_CHECKING = False  # see confine.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NEWNS, NEWUSER, NEWNET = 0x20000, 0x10000000, 0x40000000
OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442  # the same numbers everywhere
HERE, CLONE, EMPTY_PATH, RECURSIVE, CLOSE_ON_EXEC = -100, 1, 0x1000, 0x8000, os.O_CLOEXEC
MOVE_EMPTY_PATH = 4
READ_ONLY, NO_SETUID, NO_DEVICES = 1, 2, 4  # attributes of a mount
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE, MNT_DETACH = 2, 4, 0x4000, 0x40000, 2


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def enter(*, read: Iterable[str], write: str) -> None:
    """From here on only `read`, read-only, and the folder `write` exist, at their own paths. Raises NotConfined.

    The process may have one thread only, and is left with capabilities in its own user namespace: drop them.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _unshare(libc)
    _done(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mounts")
    trees = [(path, tree) for path in _outermost(read) if (tree := _clone(libc, path, writable=False)) >= 0]
    trees.append((write, _clone(libc, write, writable=True)))
    root = write  # any folder that surely exists: what is beneath has been cloned
    _done(libc.mount(b"tmpfs", root.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=0755,size=1m"), "its root")
    for path, tree in trees:
        _attach(libc, tree, root, path)
    os.symlink("self", f"{root}/proc/{os.getpid()}")
    os.chdir(root)
    _done(libc.pivot_root(b".", b"."), "pivot_root")
    _done(libc.umount2(b".", MNT_DETACH), "the old root")
    _set(libc, HERE, b"/", 0, READ_ONLY | NO_SETUID | NO_DEVICES)
    os.chdir(write)


def _unshare(libc: ctypes.CDLL) -> None:
    """As root, else in a user namespace in which we are still ourselves and nobody else exists."""
    uid, gid = os.geteuid(), os.getegid()
    apart = NEWNS | NEWNET
    if uid == 0:  # not in a user namespace: root has a user to become, who would not exist in there
        return _done(libc.unshare(apart), "unshare")
    _done(libc.unshare(apart | NEWUSER), "unshare")
    for name, value in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        try:
            with open(f"/proc/self/{name}", "w") as out:
                out.write(value)
        except OSError as error:
            raise NotConfined(f"namespaces, {name}: {error.strerror}") from error


def _outermost(paths: Iterable[str]) -> Sequence[str]:
    """Those that exist and lie in no other one."""
    kept: list[str] = []
    for path in sorted({each.rstrip("/") for each in paths if os.path.exists(each)}):
        if not any(path == other or path.startswith(other + "/") for other in kept):
            kept.append(path)
    return kept


def _clone(libc: ctypes.CDLL, path: str, *, writable: bool) -> int:
    """A detached mount of what is at `path`, links followed."""
    tree = libc.syscall(OPEN_TREE, HERE, path.encode(), CLONE | RECURSIVE | CLOSE_ON_EXEC)
    if tree < 0:
        raise NotConfined(f"namespaces, {path}: {os.strerror(ctypes.get_errno())}")
    device = stat.S_ISCHR(os.fstat(tree).st_mode)
    attributes = NO_SETUID | (0 if device else NO_DEVICES) | (0 if writable or device else READ_ONLY)
    _set(libc, tree, b"", EMPTY_PATH | RECURSIVE, attributes)
    return tree


def _set(libc: ctypes.CDLL, at: int, path: bytes, flags: int, attributes: int) -> None:
    wanted = _Attributes(attributes, 0, 0, 0)
    size = ctypes.sizeof(wanted)
    _done(libc.syscall(MOUNT_SETATTR, at, path, flags, ctypes.byref(wanted), size), f"attributes of {path!r}")


def _attach(libc: ctypes.CDLL, tree: int, root: str, path: str) -> None:
    target = root + path
    if stat.S_ISDIR(os.fstat(tree).st_mode):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC))
    _done(libc.syscall(MOVE_MOUNT, tree, b"", HERE, target.encode(), MOVE_EMPTY_PATH), path)
    os.close(tree)


def _done(result: int, what: str) -> None:
    if result:
        raise NotConfined(f"namespaces, {what}: {os.strerror(ctypes.get_errno())}")
