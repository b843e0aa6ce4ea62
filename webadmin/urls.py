"""Addresses of the web process."""

from django.urls import URLPattern, path

from webadmin import pages, witnessing

urlpatterns: list[URLPattern] = [
    path("", pages.front, name="front"),
    path("healthz", pages.healthz, name="healthz"),
    path("ledger/checkpoint", witnessing.newest_checkpoint, name="checkpoint"),
    path("witness/add-checkpoint", witnessing.add_checkpoint, name="witness"),
    path("metrics", pages.figures, name="metrics"),
]
