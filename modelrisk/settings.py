"""Every setting, from the environment, each with a default that works on a laptop.

A secret may be given as NAME or, for mounted secrets, as a file named by NAME_FILE.
"""

import os
import secrets
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    """The variable NAME, or the content of the file that NAME_FILE names, or the default."""
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(name, default)


def flag(name: str, default: bool = False) -> bool:
    return env(name, str(default)).strip().lower() in {"1", "true", "yes", "on"}


# Where this installation keeps its database, files and secret key.
STATE_DIR = Path(env("MODELRISK_STATE_DIR") or BASE_DIR / "var").resolve()
STATE_DIR.mkdir(parents=True, exist_ok=True)


def kept_secret_key() -> str:
    """Make a key on the first start and keep it, readable by this user only."""
    path = STATE_DIR / "secret_key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    key = secrets.token_urlsafe(64)
    with os.fdopen(handle, "w") as out:
        out.write(key)
    return key


SECRET_KEY = env("MODELRISK_SECRET_KEY") or kept_secret_key()
DEBUG = flag("MODELRISK_DEBUG")
# 127.0.0.1 always: a container's health check asks by that name.
ALLOWED_HOSTS = [*env("MODELRISK_ALLOWED_HOSTS", "localhost,[::1]").split(","), "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = [o for o in env("MODELRISK_TRUSTED_ORIGINS").split(",") if o]
CSRF_FAILURE_VIEW = "modelrisk.pages.errors.csrf_failure"

# --- applications -----------------------------------------------------------------------------
INSTALLED_APPS = [
    "modelrisk",
    "registry",
    "assessments",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_q",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "modelrisk.errors.RequestId",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "modelrisk.errors.DomainErrors",
]
ROOT_URLCONF = "modelrisk.urls"
WSGI_APPLICATION = "modelrisk.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["modelrisk.templatetags.ui"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTHENTICATION_BACKENDS = ["registry.service_accounts.SignsIn"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "inbox"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- database ---------------------------------------------------------------------------------
DATABASES = {
    "default": dj_database_url.parse(
        env("DATABASE_URL", f"sqlite:///{STATE_DIR / 'modelrisk.sqlite3'}"),
        conn_max_age=600,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL + IMMEDIATE + 20 s is the only combination of these that loses no write with several processes.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA cache_size=-20000",
    }

if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # Compiling a query takes PostgreSQL longer than the answer where it guesses too many rows; ours are short.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("options", "-c jit=off")

# --- files ------------------------------------------------------------------------------------
S3_BUCKET = env("MODELRISK_S3_BUCKET")
S3_OPTIONS = {
    "bucket_name": S3_BUCKET,
    "endpoint_url": env("MODELRISK_S3_ENDPOINT_URL") or None,
    "region_name": env("MODELRISK_S3_REGION", "us-east-1"),
    "access_key": env("MODELRISK_S3_ACCESS_KEY") or None,
    "secret_key": env("MODELRISK_S3_SECRET_KEY") or None,
}
if S3_BUCKET:
    FILES_BACKEND = {"BACKEND": "registry.storage.S3Files", "OPTIONS": S3_OPTIONS}
else:
    FILES_BACKEND = {
        "BACKEND": "registry.storage.LocalFiles",
        "OPTIONS": {"location": env("MODELRISK_FILES_DIR", str(STATE_DIR / "files"))},
    }
# Where signed checkpoints of the audit trail go: a place that the database's administrator cannot change.
AUDIT_S3_BUCKET = env("MODELRISK_AUDIT_S3_BUCKET")
AUDIT_LOCK_DAYS = int(env("MODELRISK_AUDIT_LOCK_DAYS", "0"))
if AUDIT_S3_BUCKET:
    AUDIT_BACKEND = {
        "BACKEND": "registry.storage.LockedS3Files",
        "OPTIONS": S3_OPTIONS | {"bucket_name": AUDIT_S3_BUCKET, "lock_days": AUDIT_LOCK_DAYS},
    }
else:
    AUDIT_BACKEND = {
        "BACKEND": "registry.storage.LocalFiles",
        "OPTIONS": {"location": env("MODELRISK_AUDIT_DIR", str(STATE_DIR / "audit-checkpoints"))},
    }
STORAGES = {
    "default": FILES_BACKEND,
    "audit": AUDIT_BACKEND,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Never the memory handler: an upload is streamed to disk, whatever its size.
FILE_UPLOAD_HANDLERS = ["registry.uploads.LimitedUploadHandler"]
FILE_UPLOAD_TEMP_DIR = env("MODELRISK_UPLOAD_DIR") or None
# The form of a wide dataset has six fields a column.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50_000
MODELRISK_MAX_UPLOAD_BYTES = int(env("MODELRISK_MAX_UPLOAD_BYTES", str(2 * 1024**3)))
MODELRISK_MAX_PACK_BYTES = int(env("MODELRISK_MAX_PACK_BYTES", str(1024**3)))  # of an evidence pack, zipped
# The Ed25519 private key that checkpoints are signed with; without it, one is made and kept at the path.
MODELRISK_AUDIT_KEY = env("MODELRISK_AUDIT_KEY")
MODELRISK_AUDIT_KEY_PATH = STATE_DIR / "audit_key.pem"
# Who reads a stranger's file for the registry: dotted path, so that registry imports nothing of assessments.
MODELRISK_FILE_READER = "assessments.sandbox.reading"

# --- the sandbox ------------------------------------------------------------------------------
# Read of the environment by assessments/sandbox, which knows no Django; named here because every setting is.
SANDBOX_SETTINGS = ("MODELRISK_SANDBOX", "MODELRISK_SANDBOX_UIDS", "MODELRISK_FORKSERVER")

# --- decisions --------------------------------------------------------------------------------
# How long after giving the password a person may sign decisions without being asked for it again.
MODELRISK_SIGN_WITHIN_MINUTES = float(env("MODELRISK_SIGN_WITHIN_MINUTES", "15"))

# --- signing in -------------------------------------------------------------------------------
# So many wrong passwords at one account, or from one address, within the window; then a wait until the first of them is
# that old. Counted in the database, for all web workers and for the page, the API and the admin together.
MODELRISK_SIGN_IN_TRIES = int(env("MODELRISK_SIGN_IN_TRIES", "10"))
MODELRISK_SIGN_IN_TRIES_PER_ADDRESS = int(env("MODELRISK_SIGN_IN_TRIES_PER_ADDRESS", "50"))
MODELRISK_SIGN_IN_WINDOW_MINUTES = float(env("MODELRISK_SIGN_IN_WINDOW_MINUTES", "15"))

# --- background work --------------------------------------------------------------------------
# The queue is a doorbell: it carries row ids only, the rows are the truth.
WORKERS = int(env("MODELRISK_WORKERS", "2"))
Q_CLUSTER = {
    "name": "modelrisk",
    "orm": "default",
    "workers": WORKERS,
    "queue_limit": 1,
    "bulk": 1,
    "poll": 0.5,
    "timeout": 7200,
    "retry": 7500,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": 100,
    "recycle": 50,
    "catch_up": False,
    "guard_cycle": 1,
    "label": "Background queue",
}
MODELRISK_LEASE_SECONDS = float(env("MODELRISK_LEASE_SECONDS", "30"))
MODELRISK_ASSESSMENT_SECONDS = int(env("MODELRISK_ASSESSMENT_SECONDS", "3600"))
# How long a finished test is evidence for today. A matter of each house: no regulator names a number.
MODELRISK_EVIDENCE_DAYS = int(env("MODELRISK_EVIDENCE_DAYS", "365"))
BATTERY_SELFTEST_FILE = STATE_DIR / "battery_selftest.json"  # what `manage.py battery_selftest` found last
MODELRISK_CHILD_MEMORY_MB = int(env("MODELRISK_CHILD_MEMORY_MB", "8192"))

# --- telling people ---------------------------------------------------------------------------
# Where people find this installation: for links in e-mails.
MODELRISK_URL = env("MODELRISK_URL", "http://localhost:8000").rstrip("/")
# smtp://user:password@host:587 (STARTTLS), smtps://…:465, smtp+plain://host:25, console://; without one, no e-mail.
EMAIL_URL = env("EMAIL_URL")
MODELRISK_SENDS_EMAIL = bool(EMAIL_URL)
DEFAULT_FROM_EMAIL = env("MODELRISK_EMAIL_FROM", "modelrisk@localhost")
_mail = urlsplit(EMAIL_URL)
if EMAIL_URL and _mail.scheme not in {"smtp", "smtps", "smtp+plain", "console"}:
    raise ImproperlyConfigured("EMAIL_URL begins with smtp://, smtps://, smtp+plain:// or console://")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _mail.scheme.startswith('smtp') else 'console'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _mail.hostname or "localhost", _mail.port or {"smtps": 465, "smtp": 587}.get(_mail.scheme, 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.scheme == "smtp", _mail.scheme == "smtps"
EMAIL_TIMEOUT = 10
# Private networks that webhooks may be called in, for example 10.2.0.0/16. Without one, public addresses only.
MODELRISK_WEBHOOK_NETWORKS = [net for net in env("MODELRISK_WEBHOOK_NETWORKS").split(",") if net]
if DEBUG:
    MODELRISK_WEBHOOK_NETWORKS += ["127.0.0.0/8", "::1/128"]

# --- REST -------------------------------------------------------------------------------------
# How many proxies stand before us: tells whose address a sign-in attempt is counted for.
PROXIES = int(env("MODELRISK_PROXIES", "0"))
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "modelrisk.requests.ApiToken",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "modelrisk.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "modelrisk.schema.DeclaresErrors",
    "DEFAULT_PARSER_CLASSES": ["modelrisk.requests.StrictJSON"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "modelrisk.errors.api_exception_handler",
    "NUM_PROXIES": PROXIES,
}
REST_KNOX = {"TOKEN_TTL": timedelta(hours=float(env("MODELRISK_TOKEN_HOURS", "10")))}
SPECTACULAR_SETTINGS = {
    "TITLE": "ModelRisk",
    "DESCRIPTION": "Register models and datasets, assess them, read the evidence, decide.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # Fields of one name and other choices: without a name of its own, a type would be called State2b6Enum.
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "registry.access.ROLE_CHOICES",
        "ColumnRoleEnum": "registry.models.Column.Role",
        "RoleGrantStateEnum": "registry.models.RoleGrant.State",
        "PartEnum": "registry.models.Assignment.Part",
        "AssessmentStateEnum": "assessments.models.Assessment.State",
        "RelationStateEnum": "registry.models.Relation.State",
        "WaiverStateEnum": "registry.models.Waiver.State",
        "ScanVerdictEnum": "registry.models.Scan.Verdict",
        "PolicyVersionStateEnum": "assessments.models.PolicyVersion.State",
        "VerdictWordEnum": "assessments.models.Verdict.Word",
        "VoteOutcomeEnum": "registry.models.Vote.Outcome",
        "DecisionOutcomeEnum": "registry.models.Decision.Outcome",
        "ConditionStateEnum": "registry.models.Condition.State",
        "FindingStateEnum": "assessments.models.Finding.State",
        "TierRatingStateEnum": "registry.models.TierRating.State",
        "TierEnum": "registry.models.MLModel.Tier",
        "DeliveryStateEnum": "registry.models.Delivery.State",
        "ExceptionStateEnum": "assessments.models.PolicyException.State",
        "ExceptionKindEnum": "assessments.models.PolicyException.Kind",
        "TriggerKindEnum": "registry.models.RevalidationTrigger.Kind",
        "KindEnum": "registry.models.Column.Kind",
        "CoverageStatusEnum": "assessments.regulation.coverage.CHOICES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- security ---------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
HTTPS = flag("MODELRISK_HTTPS")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Whether a whole domain is HTTPS only, and preloaded so, is for the domain's owner to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = "Lax"

# --- the rest ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("MODELRISK_LOG_LEVEL", "WARNING")},
}
