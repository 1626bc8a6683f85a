"""All components as one library, which every template has at hand."""

from django import template

from modelrisk.components import boxes, forms, navigation, pictures, pills, texts

register = template.Library()
for theme in (boxes, forms, navigation, pictures, pills, texts):
    register.tags.update(theme.register.tags)
    register.filters.update(theme.register.filters)
