"""Addresses of the web process."""

from django.urls import URLPattern, path

from webadmin import pages

urlpatterns: list[URLPattern] = [
    path("", pages.front, name="front"),
    path("healthz", pages.healthz, name="healthz"),
    path("metrics", pages.figures, name="metrics"),
]
