"""What a version has evidence toward, and the reverse: what a clause has evidence from."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from assessments.catalogue import catalogue
from assessments.regulation import clauses
from assessments.regulation.coverage import by_clause, clause_evidence, coverage
from registry.models import ModelVersion
from registry.views import keyset

A_PAGE = 25  # versions, each of which takes a few questions to the database


@require_GET
def of_version(request, slug: str, number: int) -> HttpResponse:
    versions = ModelVersion.objects.visible_to(request.user).select_related("model")
    found = get_object_or_404(versions, model__slug=slug, number=number)
    context = {"version": found, "frameworks": coverage(found), "as_of": clauses.as_of()}
    return render(request, "assessments/coverage.html", context)


@require_GET
def regulation(request) -> HttpResponse:
    """Every framework with its clauses and the tests that give evidence toward each."""
    tests, entries = by_clause(), catalogue()
    rows = [
        (
            framework,
            [
                (clause, [entries[test] for test in tests.get(clause.key, [])])
                for clause in clauses.clauses().values()
                if clause.framework == framework.id
            ],
        )
        for framework in clauses.frameworks().values()
    ]
    context = {"rows": rows, "as_of": clauses.as_of(), "verification": clauses.how_verified()}
    return render(request, "assessments/regulation.html", context)


@require_GET
def clause(request, key: str) -> HttpResponse:
    """One clause, and how the newest version of each model stands to it."""
    found = clauses.clauses().get(key)
    if found is None:
        raise Http404("There is no such clause.")
    versions = ModelVersion.objects.visible_to(request.user).newest().select_related("model")
    page = keyset.before_id(versions, request, size=A_PAGE)
    entries = catalogue()
    context = {
        "clause": found,
        "framework": clauses.frameworks()[found.framework],
        "tests": [entries[test] for test in by_clause().get(key, [])],
        "rows": clause_evidence(key, page.rows),
        "page": page,
    }
    return render(request, "assessments/clause.html", context)
