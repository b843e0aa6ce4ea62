"""Addresses of the web process. Each has a name, and each name a row in `web.access`."""

from django.urls import URLPattern, URLResolver, include, path

from webadmin.api import urls as urls_of_api
from webadmin.cell import witnessing
from webadmin.web import departures, pages, rows

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.front, name="front"),
    path("what-could-be-handed-over/", pages.handed_over, name="handed-over"),
    path("language/", pages.language, name="language"),
    path("healthz", pages.healthz, name="healthz"),
    path("ledger/checkpoint", witnessing.newest_checkpoint, name="checkpoint"),
    path("witness/add-checkpoint", witnessing.add_checkpoint, name="witness"),
    path("departures/<str:key>/", departures.departure, name="departure"),
    path("metrics", pages.figures, name="metrics"),
    path("", include("webadmin.accounts.urls")),
    path("", include("webadmin.signup.urls")),
    path("", include("webadmin.tenants.urls")),
    path("", include("webadmin.owner.urls")),
    path("", include("webadmin.reading.urls")),
    path("console/", include("webadmin.console.urls")),
    path("rows/", rows.site.urls),
    path("api/v1/", urls_of_api.urls),
]

handler400 = "webadmin.web.problems.bad_request"
handler403 = "webadmin.web.problems.forbidden"
handler404 = "webadmin.web.problems.not_found"
handler500 = "webadmin.web.problems.failed"
