"""Django's settings, computed from `environ` and nothing else.

One process has one role and therefore one database, always under the alias `default`: a cell's process has its
cell's, the directory's process has the directory's. There is no alias for the other side, so there is no door.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _

from webadmin import environ as _environ
from webadmin.cell.keyfiles import KeyFileDamaged, read_or_make
from webadmin.web.bodies import MAX_ANSWER

# Whatever a process of ours writes (database, journal, counters) is for its own user only.
os.umask(0o077)

try:
    ENVIRON = _environ.read()
except _environ.SettingsProblem as _problem:
    sys.stderr.write(f"{_problem}\n")
    raise SystemExit(2) from None


def _refuse(problem: Exception) -> NoReturn:
    sys.stderr.write(f"{problem}: correct SKERRY_HOME or SKERRY_KEYS_DIR, or their permissions\n")
    raise SystemExit(2) from None


def _sqlite(path: Path) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            # One writer at a time is SQLite's rule; taking the lock at BEGIN makes a wait of a failure.
            "transaction_mode": "IMMEDIATE",
            "timeout": ENVIRON.database_patience,
            # FULL: a commit is on disk when it returns. secure_delete: freed pages are overwritten.
            "init_command": (
                "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                "PRAGMA secure_delete=ON; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY"
            ),
        },
    }


def _postgresql(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        sys.stderr.write("SKERRY_DATABASE_URL must look like postgresql://user:password@host:5432/name\n")
        raise SystemExit(2)
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        # For daemons, whose few threads live as long as they do. Requests of the web have a pool: `web.pooling`.
        "CONN_MAX_AGE": None,
        "OPTIONS": options,
    }


def _database() -> dict[str, object]:
    if ENVIRON.role == "directory":
        url, path = ENVIRON.directory_database, ENVIRON.directory_dir / "directory.sqlite3"
    else:
        url, path = ENVIRON.database_url, ENVIRON.cell_dir / "cell.sqlite3"
    if url:
        return _postgresql(url)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        _refuse(problem)
    return _sqlite(path)


DATABASES = {"default": _database()}
DATABASE_ROUTERS = ["webadmin.cell.scopes.OwnSideOnly"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _secret_key() -> str:
    folder = ENVIRON.keys if ENVIRON.role == "cell" else ENVIRON.directory_dir / "keys"
    try:
        return read_or_make(folder / "django.key").hex()
    except (OSError, KeyFileDamaged) as problem:
        _refuse(problem)


SECRET_KEY = _secret_key()
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", ENVIRON.hostname, urlsplit(ENVIRON.web_address).hostname or ""]
INSTALLED_APPS = [
    "directory",
    "jurisdiction",
    "mailhost",
    "webadmin",
    "webadmin.accounts",
    "webadmin.signup",
    "webadmin.tenants",
    "webadmin.owner",
    "webadmin.reading",
    "webadmin.console",
    "webadmin.api",
    # Django's admin, at /rows/, and what it cannot be without. Nothing is registered but by `web.rows`.
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin.apps.SimpleAdminConfig",
]
if ENVIRON.role == "directory":
    # It has three tables and answers one question at a time: what it does not need costs each question half a second.
    INSTALLED_APPS = ["directory", "webadmin"]
MIDDLEWARE = [
    # Names under hosted domains are answered here or refused below; none of our pages stands under one.
    "webadmin.web.wellknown.HostedNames",
    "django.middleware.security.SecurityMiddleware",
    "webadmin.web.headers.Headers",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "webadmin.web.gate.Gate",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# Nothing is loaded from anywhere but here, nothing inline runs without this answer's nonce.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
# Not "no-referrer": a browser then sends `Origin: null` with every form, which is what the check against forged
# forms must refuse. Nothing is told to other hosts either way.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Behind TLS, which a proxy ends, cookies travel by TLS only and the browser is told to come back by TLS.
_TLS = ENVIRON.web_address.startswith("https://")
_HOST_ONLY = "__Host-" if _TLS else ""
SECURE_HSTS_SECONDS = 31_536_000 if _TLS else 0
CSRF_TRUSTED_ORIGINS = [ENVIRON.web_address] if _TLS else []
CSRF_COOKIE_NAME = _HOST_ONLY + "skerry_forms"
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _TLS
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "webadmin.web.problems.forged"
SESSION_COOKIE_NAME = _HOST_ONLY + "skerry_session"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_ENGINE = "webadmin.accounts.sessions"
LANGUAGE_COOKIE_NAME = "skerry_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

AUTH_USER_MODEL = "accounts.Account"
# Who somebody is, `webadmin.accounts.signin` finds out; Django only remembers it.
AUTHENTICATION_BACKENDS = ["webadmin.accounts.backend.Remembered"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "front"

STATIC_URL = "static/"
STATIC_ROOT = ENVIRON.cell_dir / "static"
STORAGES = {"staticfiles": {"BACKEND": "webadmin.web.statics.Hashed"}}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.csp",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webadmin.web.pages.surroundings",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "webadmin.templatetags.parts"],
        },
    }
]
ROOT_URLCONF = "webadmin.urls"
ASGI_APPLICATION = "webadmin.asgi.application"
# Largest form, in octets: what arrives beyond it is refused before it is read.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
# Whatever `web.bodies` lets through stays in memory: no temporary file holds what somebody wrote.
FILE_UPLOAD_MAX_MEMORY_SIZE = MAX_ANSWER
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 10
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("fr", _("French")),
    ("is", _("Icelandic")),
    ("de", _("German")),
    ("ru", _("Russian")),
]
LOCALE_PATHS = [Path(__file__).resolve().parent / "locale"]
# Logging is configured once, by webadmin.logs; Django's own default would print requests with addresses.
LOGGING_CONFIG = None
