"""The evidence that a dossier names, with the page on which each item can be seen."""

from typing import Any

from django.urls import NoReverseMatch, reverse

PAGES = {"assessment": "assessment", "finding": "finding", "dataset_version": "dataset-version-by-id"}


def linked(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Each item of evidence, findings included, with its `url` where there is a page of it."""
    items = [*document.get("evidence", []), *document.get("findings", [])]
    return [item | {"url": _page_of(item, document), "says": _said(item["summary"])} for item in items]


def _page_of(item: dict[str, Any], document: dict[str, Any]) -> str:
    if item["kind"] == "scan":
        sha256 = document.get("artifact", {}).get("sha256", "")
        return reverse("artifact", args=[sha256]) if sha256 else ""
    try:
        return reverse(PAGES[item["kind"]], args=[item["id"]])
    except (KeyError, NoReverseMatch):
        return ""


def _said(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """The plain values of a summary, for people; what has a form of its own is in the document."""
    plain = {name: value for name, value in summary.items() if isinstance(value, str | int | float)}
    return [(name, str(value)) for name, value in plain.items() if value != ""]
