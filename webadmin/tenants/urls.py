"""Addresses of a tenant's pages. The gate compares `tenant` with the caller's; numbers are looked up through it."""

from django.urls import URLPattern, path

from webadmin.tenants.views import (
    aliases,
    custompolicy,
    domains,
    leave,
    links,
    mailboxes,
    overview,
    policy,
    programs,
    records,
    reports,
)

urlpatterns: list[URLPattern] = [
    path("tenants/<slug:tenant>/", overview.overview, name="tenant"),
    path("tenants/<slug:tenant>/domains/", domains.listing, name="tenant-domains"),
    path("tenants/<slug:tenant>/domains/<int:number>/", domains.dns, name="domain"),
    path("tenants/<slug:tenant>/domains/<int:number>/zone", domains.zone, name="domain-zone"),
    path("tenants/<slug:tenant>/domains/<int:number>/remove/", domains.remove, name="domain-remove"),
    path("tenants/<slug:tenant>/domains/<int:number>/catch-all/", aliases.catch_all, name="domain-catch-all"),
    path("tenants/<slug:tenant>/domains/<int:number>/reports/", reports.reports, name="domain-reports"),
    path("tenants/<slug:tenant>/mailboxes/", mailboxes.listing, name="tenant-mailboxes"),
    path("tenants/<slug:tenant>/mailboxes/<int:number>/", mailboxes.mailbox, name="tenant-mailbox"),
    path("tenants/<slug:tenant>/aliases/", aliases.listing, name="tenant-aliases"),
    path("tenants/<slug:tenant>/aliases/<int:number>/remove/", aliases.remove, name="alias-remove"),
    path("tenants/<slug:tenant>/law/", policy.policy, name="tenant-policy"),
    path("tenants/<slug:tenant>/law/change/", policy.change, name="tenant-policy-change"),
    path("tenants/<slug:tenant>/law/custom/", custompolicy.custom, name="tenant-policy-custom"),
    path("tenants/<slug:tenant>/law/decisions/", policy.decisions, name="tenant-decisions"),
    path("tenants/<slug:tenant>/outgoing/", records.held, name="tenant-held"),
    path("tenants/<slug:tenant>/links/", links.links, name="tenant-links"),
    path("tenants/<slug:tenant>/access/", records.access_log, name="tenant-access-log"),
    path("tenants/<slug:tenant>/log/", records.log, name="tenant-log"),
    path("tenants/<slug:tenant>/log/receipt", records.receipt, name="tenant-receipt"),
    path("tenants/<slug:tenant>/leave/", leave.leave, name="tenant-leave"),
    path("tenants/<slug:tenant>/stay/", leave.stay, name="tenant-stay"),
    path("tenants/<slug:tenant>/programs/", programs.listing, name="tenant-tokens"),
    path("tenants/<slug:tenant>/programs/new/", programs.add, name="tenant-token-add"),
    path("tenants/<slug:tenant>/programs/<int:number>/revoke/", programs.revoke, name="tenant-token-revoke"),
    path("tenants/<slug:tenant>/settings", records.settings_file, name="tenant-settings-file"),
]
