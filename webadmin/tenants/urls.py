"""Addresses of a tenant's pages. The gate compares `tenant` with the caller's; numbers are looked up through it."""

from django.urls import URLPattern, path

from webadmin.tenants.views import domains, overview

urlpatterns: list[URLPattern] = [
    path("tenants/<slug:tenant>/", overview.overview, name="tenant"),
    path("tenants/<slug:tenant>/domains/", domains.listing, name="tenant-domains"),
    path("tenants/<slug:tenant>/domains/<int:number>/", domains.dns, name="domain"),
    path("tenants/<slug:tenant>/domains/<int:number>/zone", domains.zone, name="domain-zone"),
    path("tenants/<slug:tenant>/domains/<int:number>/remove/", domains.remove, name="domain-remove"),
]
