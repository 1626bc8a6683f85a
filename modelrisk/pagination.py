"""Cursor pagination: constant cost however deep, stable while rows are added."""

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination

from registry.refusals import BadInput


class NewestFirst(CursorPagination):
    """Follow `next` until it is null; there is no total, because counting costs more than reading a page."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def decode_cursor(self, request):
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            raise _unusable() from None
        # The position goes into a comparison with an id: anything else would be a database error.
        if cursor is not None and cursor.position is not None and not _is_id(cursor.position):
            raise _unusable()
        return cursor


def _is_id(position: str) -> bool:
    return position.isascii() and position.isdigit() and len(position) <= 18


def _unusable() -> BadInput:
    return BadInput(
        "The cursor is not one of ours.",
        hint="Take it from the `next` or `previous` of an earlier page, or leave it out.",
        code="bad_cursor",
        field="cursor",
    )
