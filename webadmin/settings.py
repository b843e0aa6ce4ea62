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

from webadmin import environ as _environ
from webadmin.keyfiles import KeyFileDamaged, read_or_make

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
DATABASE_ROUTERS = ["webadmin.scopes.OwnSideOnly"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _secret_key() -> str:
    folder = ENVIRON.keys if ENVIRON.role == "cell" else ENVIRON.directory_dir / "keys"
    try:
        return read_or_make(folder / "django.key").hex()
    except (OSError, KeyFileDamaged) as problem:
        _refuse(problem)


SECRET_KEY = _secret_key()
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", ENVIRON.hostname]
INSTALLED_APPS = ["directory", "jurisdiction", "mailhost", "webadmin"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
# Nothing is loaded from anywhere but here, nothing inline runs without this answer's nonce.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "no-referrer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.csp"]},
    }
]
ROOT_URLCONF = "webadmin.urls"
ASGI_APPLICATION = "webadmin.asgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
# Logging is configured once, by webadmin.logs; Django's own default would print requests with addresses.
LOGGING_CONFIG = None
