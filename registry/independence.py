"""The second line as a whole, where any of its roles will do."""

from registry import access

SECOND_LINE = frozenset({access.VALIDATOR, access.MRM_LEAD, access.APPROVER, access.COMPLIANCE, access.COMMITTEE_CHAIR})


def not_second_line(actor, doing: str) -> str | None:
    if access.roles_of(actor) & SECOND_LINE:
        return None
    return f"{doing} takes a role of the second line, for example validator or MRM lead."
