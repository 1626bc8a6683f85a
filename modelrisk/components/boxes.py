"""Boxes around what a page tells, and lists inside them."""

from django import template
from django.template.loader import render_to_string
from django.urls import reverse

from assessments import atlas

register = template.Library()


@register.simple_block_tag
def card(content, title: str = "", note: str = "", heading: str = "h2", name: str = ""):
    """A white box with an optional heading."""
    return render_to_string(
        "ui/card.html", {"content": content, "title": title, "note": note, "heading": heading, "name": name}
    )


@register.simple_block_tag
def scroll(content, label: str):
    """A table that may be wider than its card: it scrolls, by keyboard too, and the page does not."""
    return render_to_string("ui/scroll.html", {"content": content, "label": label})


@register.inclusion_tag("ui/empty.html")
def empty(text: str, hint: str = "", url: str = "", button: str = ""):
    return {"text": text, "hint": hint, "url": url, "button": button}


@register.inclusion_tag("ui/digest.html")
def digest(sha256: str, what: str = "digest", of_file: bool = False):
    """The first and last of a digest, with the whole of it for copying. `of_file`: leads to the artefact's page."""
    short = f"{sha256[:4]}…{sha256[-4:]}" if sha256 else ""
    url = reverse("artifact", args=[sha256]) if sha256 and of_file else ""
    return {"sha256": sha256, "short": short, "what": what, "url": url}


@register.inclusion_tag("ui/timeline.html")
def timeline(events):
    return {"events": events}


@register.inclusion_tag("ui/stages.html")
def stages(found):
    """The stations of a case, modelrisk.pages.case.Stage each."""
    return {"stages": found}


@register.inclusion_tag("ui/reasons.html")
def reasons(found: list[dict]):
    """Why a scan does not simply allow a file: what, what to do, and the techniques of MITRE ATLAS by name."""
    rows = [one | {"atlas": [(known, atlas.name_of(known)) for known in one["atlas"]]} for one in found]
    return {"rows": rows}


@register.inclusion_tag("ui/right.html")
def right(answer):
    """Whether somebody may do something, with the reason why not."""
    return {"answer": answer}


@register.filter
def refused(steps):
    """Of the steps that the state allows, those that this person may not take."""
    return [one for one in steps if one.refusal]


@register.inclusion_tag("ui/pager.html")
def pager(page):
    return {"page": page}
