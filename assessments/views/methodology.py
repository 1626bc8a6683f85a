"""What is measured and what is asked of it: the catalogue and the policy, as they are now."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from assessments.battery.spec import FAMILIES, PLANS
from assessments.catalogue import catalogue, tests_of
from assessments.policies import default_policy


@require_GET
def policies(request) -> HttpResponse:
    policy = default_policy()
    families = [(family, [c for c in policy["criteria"] if c["family"] == family]) for family in FAMILIES]
    context = {"policy": policy, "version": str(policy["version"]), "families": [row for row in families if row[1]]}
    return render(request, "assessments/policies.html", context)


@require_GET
def methodology(request) -> HttpResponse:
    plans = {plan: set(tests_of(plan)) for plan in PLANS}
    entries = [
        entry | {"plans": [plan for plan in PLANS if test in plans[plan]]} for test, entry in catalogue().items()
    ]
    families = [(family, [entry for entry in entries if entry["family"] == family]) for family in FAMILIES]
    return render(request, "assessments/methodology.html", {"families": families})
