"""Fields of forms, and what was wrong with them."""

from django import template

register = template.Library()


@register.inclusion_tag("ui/field.html")
def field(bound):
    """One form field: label, control, help and errors, tied together for screen readers."""
    return {"field": bound, "kind": bound.widget_type}


@register.inclusion_tag("ui/form_errors.html")
def form_errors(form):
    """What is wrong with the whole form, with the hint of the action that refused it."""
    return {"form": form, "problem": getattr(form, "problem", None)}
