"""What a parent asks of its child's confinement."""

from typing import TypedDict


class Walls(TypedDict):
    """read: what may be read beside Python itself; uid, gid, groups: of the layer uid."""

    layers: list[str]
    read: list[str]
    write: str
    rlimits: dict[str, int]
    uid: int
    gid: int
    groups: list[int]
