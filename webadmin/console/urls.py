"""Addresses of the operator's console."""

from django.urls import URLPattern, path

from webadmin.console import views
from webadmin.console.views import health, limits, queue, tenants, waiting, work

urlpatterns: list[URLPattern] = [
    path("", views.overview, name="console"),
    path("queue/", queue.listing, name="console-queue"),
    path("queue/<int:number>/", queue.item, name="console-item"),
    path("queue/<int:number>/drop/", queue.drop, name="console-drop"),
    path("tenants/", tenants.listing, name="console-tenants"),
    path("tenants/<slug:tenant>/", tenants.show, name="console-tenant"),
    path("tenants/<slug:tenant>/state/", tenants.state, name="console-tenant-state"),
    path("tenants/<slug:tenant>/delete/", tenants.delete, name="console-tenant-delete"),
    path("waiting/", waiting.listing, name="console-waiting"),
    path("waiting/<int:number>/agree/", waiting.agree, name="console-agree"),
    path("waiting/<int:number>/withdraw/", waiting.withdraw, name="console-withdraw"),
    path("jobs/", work.listing, name="console-jobs"),
    path("jobs/<int:number>/again/", work.again, name="console-job-again"),
    path("deliverability/", health.deliverability, name="console-deliverability"),
    path("dns/", health.dns, name="console-dns"),
    path("keys/", health.keys, name="console-keys"),
    path("place/", health.place, name="console-place"),
    path("limits/", limits.listing, name="console-limits"),
    path("tenants/<slug:tenant>/limits/", limits.change, name="console-limit"),
    path("acts/", work.acts, name="console-acts"),
    path("laws/", work.laws, name="console-laws"),
]
