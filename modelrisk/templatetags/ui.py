"""The components of the pages; each has a template in ui/ and a style sheet of the same name."""

from django import template

register = template.Library()
