"""The product's settings, with what only a test run changes."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("MODELRISK_STATE_DIR", tempfile.mkdtemp(prefix="modelrisk-tests-"))
# Each worker of a run has its own: a test that takes a stored file away must not take another worker's.
if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and Path(os.environ["MODELRISK_STATE_DIR"]).name != worker:
    os.environ["MODELRISK_STATE_DIR"] = str(Path(os.environ["MODELRISK_STATE_DIR"]) / worker)
    Path(os.environ["MODELRISK_STATE_DIR"]).mkdir(parents=True, exist_ok=True)
# The sync Playwright API keeps an event loop in the test's thread.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

from modelrisk.settings import *  # noqa: E402, F403
from modelrisk.settings import DATABASES, STATE_DIR, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in production: threads that share a database in memory lock each other out at once.
    DATABASES["default"]["TEST"] = {"NAME": STATE_DIR / "test.sqlite3"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": STORAGES["default"],
    "audit": STORAGES["audit"],
    # No manifest: a test needs no collectstatic.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
STATIC_ROOT = STATE_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
