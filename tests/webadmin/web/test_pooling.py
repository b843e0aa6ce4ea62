"""The web process's connections: few, given back after each request, and only where a server counts them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper

from webadmin.web import pooling

POSTGRESQL: dict[str, Any] = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "cell",
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {"sslmode": "require"},
}


def test_on_postgresql_a_request_takes_its_connection_from_a_pool_with_an_end() -> None:
    made = pooling.pooled(POSTGRESQL, patience=20)
    assert made["CONN_MAX_AGE"] == 0
    assert made["OPTIONS"]["sslmode"] == "require"
    assert made["OPTIONS"]["pool"] | {"max_size": pooling.MOST, "timeout": 20} == made["OPTIONS"]["pool"]
    assert POSTGRESQL["CONN_MAX_AGE"] is None
    assert "pool" not in POSTGRESQL["OPTIONS"]


def test_django_takes_these_settings() -> None:
    filled = {"USER": "", "PASSWORD": "", "HOST": "", "PORT": "", "TIME_ZONE": None, "AUTOCOMMIT": True}
    wrapper = DatabaseWrapper(filled | pooling.pooled(POSTGRESQL, patience=20), "of the test")
    pool: Any = wrapper.pool
    assert pool.max_size == pooling.MOST


def test_a_file_needs_no_pool_and_is_closed_after_each_request() -> None:
    default: dict[str, Any] = settings.DATABASES["default"]
    found = default if "sqlite" in default["ENGINE"] else {}
    own = {"ENGINE": "django.db.backends.sqlite3", "NAME": "cell.sqlite3"}
    assert pooling.pooled(own, patience=20) == own
    # Django's own default.
    assert found.get("CONN_MAX_AGE", 0) == 0
