"""What the lists of exceptions show, on the page and in the API."""

from datetime import timedelta

AHEAD = timedelta(days=30)
SHOWN = {
    "standing": "Requested or active",
    "active": "Active",
    "expiring": "Ending within 30 days",
    "relied_on": "Expired but still in use",
    "all": "All",
}


def filtered(rows, shown: str):
    """As the list's filter says."""
    if shown == "active":
        return rows.in_force()
    if shown == "expiring":
        return rows.expiring(AHEAD)
    if shown == "relied_on":
        return rows.still_relied_on()
    return rows if shown == "all" else rows.filter(state__in=["requested", "active"])
