"""The main job over the API: register, upload, assess in the real sandbox, read, decide."""

import urllib.request

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from assessments import catalogue, tasks
from registry.models import MLModel, ModelVersion
from tests import cases

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]


def posted(api, address: str, given: dict, *, status: int, **kwargs) -> dict:
    answer = api.post(address, given, **kwargs)
    assert answer.status_code == status, answer.json()
    return answer.json()


@pytest.fixture
def uploaded(call, owner, developer, tiny_files) -> dict:
    """A version and the data to assess it on, through the API alone."""
    api = call(owner)
    model = posted(
        api, "/api/v1/models/", {"name": "Income", "tier": 1, "developers": [developer.username]}, status=201
    )
    file = SimpleUploadedFile("income.joblib", tiny_files.model)
    version = posted(api, model["versions_url"], {"file": file}, status=201, format="multipart")
    dataset = posted(api, "/api/v1/datasets/", {"name": "Census"}, status=201)
    file = SimpleUploadedFile("census.csv", tiny_files.data)
    data = posted(
        api,
        dataset["versions_url"],
        {"file": file, "target": "income", "favourable": ">50K"},
        status=201,
        format="multipart",
    )
    return {"api": api, "model": model, "version": version, "data": data}


@pytest.fixture
def assessed(uploaded) -> dict:
    given = {"version": uploaded["version"]["id"], "dataset_version": uploaded["data"]["id"]}
    started = posted(uploaded["api"], "/api/v1/assessments/", {**given, "plan": "quick", "seed": 7}, status=202)
    tasks.execute(started["id"])
    return {**uploaded, "run": uploaded["api"].get(started["url"]).json()}


def test_an_upload_says_what_the_sandbox_read_and_comes_back_byte_for_byte(uploaded, tiny_files):
    version, data = uploaded["version"], uploaded["data"]
    assert version["estimator"]["classes"] == ["<=50K", ">50K"]
    assert version["size"] == len(tiny_files.model)
    assert data["rows"] == tiny_files.data.count(b"\n") - 1
    assert data["target"] == "income"
    assert [column["name"] for column in data["columns"] if column["role"] == "sensitive"] == ["age", "sex"]

    content, disposition = received(uploaded["api"].get(uploaded["version"]["file_url"]))
    assert content == tiny_files.model
    assert disposition == 'attachment; filename="income.joblib"'


def received(answer) -> tuple[bytes, str]:
    """The file and the name it is saved under: streamed by us from a folder, or by a link straight to the S3 store."""
    if answer.status_code == 302:
        with urllib.request.urlopen(answer["Location"]) as sent:
            return sent.read(), sent.headers["Content-Disposition"]
    return b"".join(answer.streaming_content), answer["Content-Disposition"]


def test_the_main_job(assessed, tiny_files, call, auditor):
    """One run in the sandbox: what it measured, and the case that rests on it."""
    check_results(assessed, tiny_files)
    check_case(assessed, call, auditor)


def check_results(assessed, tiny_files) -> None:
    """Polling ends with charts, and with results equal to scikit-learn's."""
    import io

    import joblib
    import pandas
    from sklearn.metrics import accuracy_score, roc_auc_score

    run = assessed["run"]
    assert run["state"] == "done", run["error"]
    unfit = {
        # Two labels, not a number; no missing values are taken; no training data was named.
        *("performance.regression_metrics", "performance.residuals", "fairness.regression_by_group"),
        "robustness.missing_values",
        *("performance.over_and_underfit", "data.drift", "data.overlap"),
    }
    expected = {test: "not_applicable" if test in unfit else "done" for test in catalogue.tests_of("quick")}
    assert {step["id"]: step["status"] for step in run["tests"]} == expected
    assert sum(run["verdicts"].values()) > 0
    frame = pandas.read_csv(io.BytesIO(tiny_files.data))
    model = joblib.load(io.BytesIO(tiny_files.model))
    rows, labels = frame.drop(columns="income"), frame["income"]
    expected = {
        "roc_auc": roc_auc_score(labels == ">50K", model.predict_proba(rows)[:, 1]),
        "accuracy": accuracy_score(labels, model.predict(rows)),
    }
    results = assessed["api"].get(run["results_url"]).json()
    whole = {"performance.discrimination", "performance.threshold_metrics"}  # others measure a part of the rows
    measures = [measure for test in results["tests"] if test["id"] in whole for measure in test["measures"]]
    found = {measure["metric"]: measure["value"] for measure in measures}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    check_charts(assessed["api"], run["charts_url"])


def check_charts(api, address: str) -> None:
    """Each comes as picture and as numbers, whatever the client says it accepts."""
    charts = {chart["id"]: chart for chart in api.get(address).json()}
    assert {"roc", "precision_recall", "ks_original", "precision_threshold", "count_sex"} <= set(charts)
    for chart in charts.values():
        assert api.get(chart["svg"]).content.startswith(b"<svg "), chart["id"]
        assert api.get(chart["png"]).content.startswith(b"\x89PNG"), chart["id"]
        assert b"," in api.get(chart["csv"], HTTP_ACCEPT="text/csv").content, chart["id"]


def check_case(assessed, call, auditor) -> None:
    """It rests on the assessment and is told in the trail."""
    owner, version = assessed["api"], assessed["version"]
    posted(owner, f"{version['url']}submit/", {"note": "Please decide."}, status=409)  # it does not say what it is for
    MLModel.objects.update(purpose="Offers of a savings plan.")
    asked = posted(owner, f"{version['url']}submit/", {"note": "Please decide."}, status=201)
    seals = {found["kind"]: found["sha256"] for found in asked["evidence"]}
    assert seals["assessment"] == assessed["run"]["results_sha256"]
    assert set(seals) == {"assessment", "policy", "policy_in_force", "scan"}
    assert owner.get(version["url"]).json()["approval_status"] == "submitted"
    told = call(auditor).get("/api/v1/audit-events/", {"actor_name": "owner", "page_size": 200}).json()["results"]
    story = ["approval.submit", "assessment.start", "dataset.upload", "dataset.register", "version.upload"]
    story += ["artifact.scan", "model.register"]
    assert [event["action"] for event in told if not event["action"].startswith("token.")] == story


def test_a_token_signs_nothing(uploaded, call, approver):
    """Guard G2."""
    version = ModelVersion.objects.get(pk=uploaded["version"]["id"])
    MLModel.objects.update(purpose="Offers of a savings plan.", tier=2)
    with cases.without_gates():
        version = cases.bring(version, "pending_approval")
    given = {"outcome": "reject", "comment": "Too few rows to tell.", "seen": cases.seen(version)}
    answer = posted(call(approver), f"{uploaded['version']['url']}vote/", given, status=403)
    assert "not with an API token" in answer["message"]
    with cases.without_gates():
        assert cases.decide(version, "reject").outcome == "reject"
    [decision] = uploaded["api"].get("/api/v1/decisions/").json()["results"]
    assert decision["decided_by"] == "approver"
