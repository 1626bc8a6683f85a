"""What is measured: the catalogue, as it is now."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from assessments.battery.spec import FAMILIES, PLANS
from assessments.catalogue import catalogue, tests_of
from assessments.views.evidence import said_of_itself


@require_GET
def methodology(request) -> HttpResponse:
    plans = {plan: set(tests_of(plan)) for plan in PLANS}
    entries = [
        entry
        | dict(zip(("question", "asks", "advice"), said_of_itself(entry), strict=True))
        | {"plans": [plan for plan in PLANS if test in plans[plan]]}
        for test, entry in catalogue().items()
    ]
    families = [(family, [entry for entry in entries if entry["family"] == family]) for family in FAMILIES]
    return render(request, "assessments/methodology.html", {"families": families})
