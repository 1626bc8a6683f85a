"""Cursor pagination: constant cost however deep, stable while rows are added."""

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination

from registry.refusals import BadInput


class NewestFirst(CursorPagination):
    """Follow `next` until it is null; there is no total, because counting costs more than reading a page."""

    ordering = "-pk"
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

    def get_paginated_response_schema(self, schema):
        """As the framework's, in the words of OpenAPI 3.1: it knows no `nullable`."""
        described = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            link = described["properties"][name]
            del link["nullable"]
            link["type"] = ["string", "null"]
        return {**described, "required": ["next", "previous", "results"]}


def _is_id(position: str) -> bool:
    return position.isascii() and position.isdigit() and len(position) <= 18


def _unusable() -> BadInput:
    return BadInput(
        "The cursor is not one of ours.",
        hint="Take it from the `next` or `previous` of an earlier page, or leave it out.",
        code="bad_cursor",
        field="cursor",
    )
