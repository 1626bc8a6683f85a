"""Pages of assessments."""

from django.urls import path

from assessments.views import assessment, charts, exceptions, findings, methodology, policies, regulation

urlpatterns = [
    path("assessments/<int:pk>/", assessment.assessment, name="assessment"),
    path("assessments/<int:pk>/cancel/", assessment.cancel, name="assessment-cancel"),
    path("assessments/<int:pk>/retry/", assessment.retry, name="assessment-retry"),
    path("assessments/<int:pk>/tests/<str:test>/", assessment.test, name="assessment-test"),
    path("assessments/<int:pk>/charts/<path:chart_id>.<slug:format>", charts.chart, name="chart"),
    path("models/<slug:slug>/v<int:number>/coverage/", regulation.of_version, name="version-coverage"),
    path("findings/", findings.findings, name="findings"),
    path("findings/<int:pk>/", findings.finding, name="finding"),
    path("models/<slug:slug>/v<int:number>/findings/new/", findings.raise_one, name="finding-raise"),
    path("exceptions/", exceptions.exceptions, name="exceptions"),
    path("exceptions/<int:pk>/", exceptions.exception, name="exception"),
    path("exceptions/<int:pk>/renew/", exceptions.renew_one, name="exception-renew"),
    path("models/<slug:slug>/v<int:number>/exceptions/new/", exceptions.request_one, name="exception-request"),
    path("regulation/", regulation.regulation, name="regulation"),
    path("regulation/<path:key>/", regulation.clause, name="clause"),
    path("assessments/<int:pk>/policy/", policies.of_assessment, name="assessment-policy"),
    path("policies/", policies.policies, name="policies"),
    path("policies/<slug:slug>/draft/", policies.draft, name="policy-draft"),
    path("policies/<slug:slug>/v<int:old>..v<int:new>/", policies.difference, name="policy-difference"),
    path("policies/<slug:slug>/v<int:number>/", policies.policy_version, name="policy-version"),
    path("policies/<slug:slug>/v<int:number>/policy.json", policies.document, name="policy-document"),
    path("policies/<slug:slug>/v<int:number>/edit/", policies.edit, name="policy-edit"),
    path("policies/<slug:slug>/v<int:number>/propose/", policies.propose, name="policy-propose"),
    path("policies/<slug:slug>/v<int:number>/sign/", policies.sign, name="policy-sign"),
    path("policies/<slug:slug>/v<int:number>/reject/", policies.reject, name="policy-reject"),
    path("policies/<slug:slug>/v<int:number>/withdraw/", policies.withdraw, name="policy-withdraw"),
    path("policies/<slug:slug>/v<int:number>/replay/", policies.replayed, name="policy-replay"),
    path("methodology/", methodology.methodology, name="methodology"),
]
