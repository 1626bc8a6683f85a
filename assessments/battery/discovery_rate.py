"""The false-discovery rate of many comparisons (Benjamini and Hochberg 1995). No numpy: the judge uses it too."""

from collections.abc import Sequence

LEVEL = 0.05


def q_values(p_values: Sequence[float], comparisons: int = 0) -> list[float]:
    """The smallest rate of false discoveries at which each would still be one.

    comparisons: how many were made in all, where those given are the smallest of them: 0 for just those. The ones
    that are not given count as no discoveries, which can only make the q-values larger.
    """
    many = max(comparisons, len(p_values))
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    found, least = [1.0] * len(p_values), 1.0
    for rank in range(len(order), 0, -1):
        at = order[rank - 1]
        least = min(least, p_values[at] * many / rank)
        found[at] = least
    return found
