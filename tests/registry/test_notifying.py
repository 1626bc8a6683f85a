"""People and other systems are told once, after the commit, and by nobody's network but the public one."""

import hashlib
import hmac
import http.server
import ipaddress
import json
import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core import mail
from django.db import transaction
from django.utils import timezone

from assessments.actions.findings import raise_finding
from registry import access
from registry.models import AuditEvent, Delivery, Notification, Webhook
from registry.notifying import calling, delivering, having_role, notify, webhooks
from registry.refusals import BadInput, Refused
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
LOOPBACK = ["127.0.0.0/8", "::1/128"]


class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, dict(self.headers), body))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def listening(*answers: int, tls: ssl.SSLContext | None = None):
    """A real server on loopback: where it is, and what it heard."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    server.heard, server.answers = [], list(answers)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield SimpleNamespace(port=server.server_port, url=f"http://127.0.0.1:{server.server_port}", heard=server.heard)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def admin(db):
    return make_user("admin", access.ADMIN)


@pytest.fixture
def loopback_is_allowed(settings):
    settings.MODELRISK_WEBHOOK_NETWORKS = LOOPBACK


def test_a_person_is_told_once_of_a_key(owner, developer):
    assert notify([owner, owner], "case.decided:1", "Approved") == 1
    assert notify([owner, developer], "case.decided:1", "Approved again") == 1
    assert list(Notification.objects.filter(recipient=owner).values_list("subject", flat=True)) == ["Approved"]
    assert notify([owner], "case.decided:2", "Another") == 1


def test_who_left_is_not_told(owner):
    owner.is_active = False
    assert notify([owner], "case.decided:1", "Approved") == 0


def test_an_unknown_kind_of_event_is_a_fault(owner):
    with pytest.raises(ValueError, match="no kind of event"):
        notify([owner], "something:1", "x")


def test_the_queue_is_rung_after_the_commit_and_only_then(admin, owner, django_capture_on_commit_callbacks):
    webhooks.add(Webhook, actor=admin, name="Chat", url="https://hooks.example.com/x")
    with django_capture_on_commit_callbacks() as rung, transaction.atomic():
        notify([owner], "case.decided:1", "Approved")
        assert Delivery.objects.count() == 1
    assert len(rung) == 1
    with django_capture_on_commit_callbacks() as rung, transaction.atomic():
        notify([owner], "case.decided:1", "Approved")
    assert rung == []
    assert Delivery.objects.count() == 1


def test_email_goes_out_once_with_a_link(settings, owner):
    settings.MODELRISK_SENDS_EMAIL, settings.MODELRISK_URL = True, "https://risk.example"
    owner.email = "owner@example.com"
    owner.save()
    notify([owner], "case.decided:1", "Approved\r\nBcc: x@example.com", "Until March.", "/models/income/")
    assert delivering.deliver_due() == 1
    assert delivering.deliver_due() == 0
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["owner@example.com"], "Approved Bcc: x@example.com")
    assert sent.body == "Until March.\n\nhttps://risk.example/models/income/"


def test_without_email_settings_nothing_is_mailed(owner):
    owner.email = "owner@example.com"
    owner.save()
    notify([owner], "case.decided:1", "Approved")
    assert Delivery.objects.count() == 0


def test_a_webhook_is_called_with_a_signature_that_its_secret_makes(admin, owner, developer, loopback_is_allowed):
    with listening() as server:
        hook = webhooks.add(Webhook, actor=admin, name="Chat", url=f"{server.url}/in?room=1")
        notify([owner, developer], "case.decided:1", "Approved", "Why", "/models/income/")
        assert delivering.deliver_due() == 1
        assert delivering.deliver_due() == 0
    ((path, headers, body),) = server.heard
    assert path == "/in?room=1"
    told = json.loads(body)
    assert told["schema"] == "modelrisk.event/1"
    assert (told["event"], told["key"], told["subject"]) == ("case.decided", "case.decided:1", "Approved")
    at, made = (part.partition("=")[2] for part in headers["X-ModelRisk-Signature"].split(","))
    assert made == hmac.new(hook.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    sent = Delivery.objects.get()
    assert (sent.state, sent.attempts, sent.answer) == ("sent", 1, "answered 200")
    assert headers["X-ModelRisk-Delivery"] == str(sent.pk)


def test_it_is_tried_again_later_and_given_up_in_the_end(admin, owner, loopback_is_allowed):
    with listening(*[500] * 10) as server:
        webhooks.add(Webhook, actor=admin, name="Chat", url=server.url)
        notify([owner], "case.decided:1", "Approved")
        waits = []
        for _ in range(10):
            before = timezone.now()
            assert delivering.deliver_due() == 0
            assert delivering.deliver_due() == 0  # not due yet
            row = Delivery.objects.get()
            if row.state != "pending":
                break
            waits.append(round((row.next_try_at - before) / timedelta(minutes=1)))
            Delivery.objects.update(next_try_at=timezone.now())
    assert (waits, row.state, row.attempts, len(server.heard)) == ([1, 5, 30, 120, 720], "failed", 6, 6)
    assert row.answer == "Answered 500."


def test_a_redirect_is_not_followed(admin, owner, loopback_is_allowed):
    with listening(302) as server, pytest.raises(calling.NotCalled, match="redirect is not followed"):
        calling.call(server.url, "s", {}, delivery=1)
    assert [path for path, *_ in server.heard] == ["/"]


def test_no_answer_is_a_failure_with_its_reason(loopback_is_allowed):
    with listening() as server:
        closed = server.url
    with pytest.raises(calling.NotCalled, match="No answer"):
        calling.call(closed, "s", {}, delivery=1)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "fe80::1", "fc00::1", "64:ff9b::a00:1", "2002:a00:1::", "2001::1",
     "fec0::1", "::127.0.0.1", "5f00::1"],
)  # fmt: skip
def test_no_private_address_is_called(address):
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(calling.NotCalled, match="no public address"):
        calling.judged(calling.urlsplit(f"https://{host}/"))


def test_a_public_one_is_and_so_is_a_private_one_that_is_named(settings):
    assert calling.judged(calling.urlsplit("https://93.184.216.34/")) == "93.184.216.34"
    settings.MODELRISK_WEBHOOK_NETWORKS = ["10.2.0.0/16"]
    assert calling.judged(calling.urlsplit("https://10.2.3.4/")) == "10.2.3.4"
    with pytest.raises(calling.NotCalled):
        calling.judged(calling.urlsplit("https://10.3.0.1/"))


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.com/", "ftp://hooks.example.com/", "https://user:word@hooks.example.com/", "https:///x",
     "https://hooks.example.com:99999/", "https://hooks.example.com/a b", "javascript:alert(1)", "x\r\nHost: y", ""],
)  # fmt: skip
def test_an_address_of_another_form_is_refused(admin, url):
    with pytest.raises(BadInput):
        webhooks.add(Webhook, actor=admin, name="Chat", url=url)


def test_the_name_is_resolved_once_and_the_address_that_was_judged_is_called(monkeypatch, loopback_is_allowed):
    """A name server that answers otherwise the second time moves nothing."""
    asked = []

    def resolve(host, port, *given, **options):
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.1", port))]

    with listening() as server:
        real = calling.socket.getaddrinfo
        monkeypatch.setattr(
            calling.socket,
            "getaddrinfo",
            lambda host, *given, **more: (resolve if host == "localhost" else real)(host, *given, **more),
        )
        assert calling.call(f"http://localhost:{server.port}/", "s", {}, delivery=1) == "answered 200"
    assert asked == ["localhost"]
    assert server.heard[0][1]["Host"] == f"localhost:{server.port}"


def certificate(folder, name: str):
    """(path of a self-signed certificate for this name, the server's side of TLS with it)"""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    side.load_cert_chain(path)
    return path, side


@pytest.mark.parametrize(("name", "holds"), [("localhost", True), ("other.example", False)])
def test_over_https_the_certificate_must_be_the_hosts(monkeypatch, tmp_path, loopback_is_allowed, name, holds):
    path, side = certificate(tmp_path, name)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with listening(tls=side) as server:
        url = f"https://localhost:{server.port}/"
        if holds:
            assert calling.call(url, "s", {}, delivery=1) == "answered 200"
        else:
            with pytest.raises(calling.NotCalled, match="CERTIFICATE_VERIFY_FAILED"):
                calling.call(url, "s", {}, delivery=1)


def test_the_secret_is_not_in_the_audit_trail_or_the_database(admin):
    hook = webhooks.add(Webhook, actor=admin, name="Chat", url="https://hooks.example.com/x")
    event = AuditEvent.objects.get(action="webhook.add")
    assert hook.secret not in json.dumps([event.detail, event.changes])
    assert hook.nonce not in json.dumps([event.detail, event.changes])
    assert hook.secret not in Webhook.objects.values_list("nonce", flat=True)


def test_an_ended_webhook_hears_nothing_of_what_waited(admin, owner, loopback_is_allowed):
    with listening() as server:
        hook = webhooks.add(Webhook, actor=admin, name="Chat", url=server.url)
        notify([owner], "case.decided:1", "Approved")
        webhooks.end(hook, actor=admin)
        assert delivering.deliver_due() == 0
        notify([owner], "case.decided:2", "Approved")
    assert server.heard == []
    assert [(row.key, row.state) for row in Delivery.objects.all()] == [("case.decided:1", "failed")]


def test_a_webhook_hears_what_it_asked_for(admin, owner):
    webhooks.add(Webhook, actor=admin, name="Chat", url="https://a.example", events=["finding.issued"])
    notify([owner], "case.decided:1", "Approved")
    notify([owner], "finding.issued:1", "A finding")
    assert [row.key for row in Delivery.objects.all()] == ["finding.issued:1"]


def test_everyone_of_a_role_but_those_concerned(owner, security_officer):
    other = make_user("other_officer", access.SECURITY_OFFICER)
    assert list(having_role(access.SECURITY_OFFICER)) == [security_officer, other]
    assert list(having_role(access.SECURITY_OFFICER, but=[other])) == [security_officer]


def test_officers_hear_of_a_file_that_needs_a_waiver(security_officer, held_version):
    told = Notification.objects.get(recipient=security_officer)
    assert (told.event, told.subject) == ("waiver.needed", f"The file of {held_version} needs a waiver")


def test_the_builders_hear_of_a_finding(model_version, validator, owner, developer):
    text = {"title": "Too few rows", "description": "There are only 240 rows.", "severity": "high"}
    finding = raise_finding(model_version, actor=validator, **text)
    told = Notification.objects.filter(key=f"finding.issued:{finding.pk}")
    assert {one.recipient for one in told} == {owner, developer}
    with pytest.raises(Refused):
        raise_finding(model_version, actor=owner, **text)
    assert told.count() == 2
