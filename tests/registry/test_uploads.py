"""An upload goes to disk, up to the limit, for people who are signed in; whoever sends too much gets an answer."""

import io

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse, UnreadablePostError
from django.test import Client, RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import include, path
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

import modelrisk.urls
from registry import actions, receiving
from registry.models import AuditEvent
from registry.refusals import UploadRefused
from tests import small

LIMIT = 200_000  # bytes


@pytest.fixture(autouse=True)
def temporary(settings, tmp_path):
    """The folder of uploads in progress."""
    settings.MODELRISK_MAX_UPLOAD_BYTES = LIMIT
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    return tmp_path


class Wire(io.BytesIO):
    """What the browser sends; breaks at `breaks_at` bytes."""

    breaks_at = None

    def read(self, *args):
        if self.breaks_at is not None and self.tell() >= self.breaks_at:
            raise OSError("Connection reset by peer")
        return super().read(*args)


def sent(size: int, user=None, breaks_at=None):
    body = encode_multipart(BOUNDARY, {"file": small.SimpleUploadedFile("model.joblib", b"m" * size), "notes": "New"})
    wire = Wire(body)
    wire.breaks_at = breaks_at
    told = {"CONTENT_TYPE": MULTIPART_CONTENT, "CONTENT_LENGTH": len(body), "wsgi.input": wire}
    request = RequestFactory().generic("POST", "/", **told)
    if user is not None:
        request.user = user
    return request, wire


def test_a_small_file_is_on_disk_too(temporary):
    request, _wire = sent(10)
    uploaded = request.FILES["file"]
    assert uploaded.temporary_file_path().startswith(str(temporary))
    assert (uploaded.read(), request.POST["notes"]) == (b"m" * 10, "New")
    request.close()
    assert list(temporary.iterdir()) == []


def test_a_file_of_exactly_the_limit_is_taken():
    request, _wire = sent(LIMIT)
    assert request.FILES["file"].size == LIMIT
    request.close()


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])  # found by counting; told by the length of the request
def test_a_file_over_the_limit_is_refused_after_the_sender_has_finished(temporary, size):
    request, wire = sent(size)
    with pytest.raises(UploadRefused, match="195.3 KiB") as told:
        request.FILES  # noqa: B018
    assert (told.value.code, told.value.field) == ("too_big", "file")
    assert wire.read() == b""
    assert list(temporary.iterdir()) == []


def test_a_broken_connection_leaves_no_file(db, temporary):
    request, _wire = sent(LIMIT, breaks_at=70_000)
    with pytest.raises(UnreadablePostError):
        request.FILES  # noqa: B018
    HttpResponse().close()  # the request is over
    assert list(temporary.iterdir()) == []


def test_nothing_of_a_stranger_is_written(temporary):
    request, _wire = sent(1000, user=AnonymousUser())
    assert "file" not in request.FILES
    assert request.POST["notes"] == "New"
    assert list(temporary.iterdir()) == []


# --- over HTTP ----------------------------------------------------------------------------------
def upload_page(request):
    return HttpResponse(str(request.FILES["file"].size))


class UploadEndpoint(APIView):
    parser_classes = (MultiPartParser,)

    def post(self, request):
        return Response({"size": request.data["file"].size})


urlpatterns = [
    path("test-page/", upload_page),
    path("test-api/", UploadEndpoint.as_view()),
    path("", include("modelrisk.urls")),
]
handler400 = modelrisk.urls.handler400


@pytest.fixture
def browser(settings, owner):
    """Signed in, and made to prove it is no forgery, as a browser is."""
    settings.ROOT_URLCONF = __name__
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    client.cookies["csrftoken"] = "a" * 32
    return client


def post(client, address, size):
    file = small.SimpleUploadedFile("model.joblib", b"m" * size)
    return client.post(address, {"file": file, "csrfmiddlewaretoken": "a" * 32})


def test_a_page_takes_a_file_within_the_limit(browser):
    assert post(browser, "/test-page/", 1000).content == b"1000"


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_a_page_says_that_the_file_is_too_big(browser, size):
    answer = post(browser, "/test-page/", size)
    assert answer.status_code == 413
    assert "The file is too big: the limit is 195.3 KiB." in answer.content.decode()


@pytest.mark.parametrize("size", [LIMIT + 1, 3 * LIMIT])
def test_the_api_says_that_the_file_is_too_big(browser, size):
    answer = post(browser, "/test-api/", size)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (413, "too_big", "file")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("invoice\u202ebilboj.csv", "invoicebilboj.csv"),  # would be shown as invoicevsc.joblib
        ("mo\u200bdel\u2066\u2069\ufeff.job\u00adlib", "model.joblib"),
        ("two\nlines\u2028\x1b[31m.csv", "twolines[31m.csv"),
        ("C:\\models\\\u200emodel.joblib", "model.joblib"),
        ("kredit_für_Müller.csv", "kredit_für_Müller.csv"),
        ("模型 第二版.joblib", "模型 第二版.joblib"),
        ("модель.skops", "модель.skops"),
        ("نموذج.csv", "نموذج.csv"),
        ("हिन्दी.parquet", "हिन्दी.parquet"),
    ],
)
def test_a_name_keeps_what_is_seen_of_it(given, kept):
    file = SimpleUploadedFile("plain", b"")
    file._name = given  # whatever the framework cleans of it today
    assert receiving.name_of(file) == kept


def test_what_hides_in_a_name_is_not_kept(registered_model, developer, small_model, settings):
    settings.MODELRISK_FILE_READER = "tests.read_once"
    file = SimpleUploadedFile("cr\u202eed\u200bit.joblib", small_model.read_bytes())
    version = actions.upload_version(registered_model, actor=developer, file=file)
    assert version.original_name == "credit.joblib"
    assert AuditEvent.objects.about(version).get().detail["file"] == "credit.joblib"
