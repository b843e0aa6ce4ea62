"""Addresses of a mailbox owner's pages. None has a mailbox in it: it is that of whoever is signed in."""

from django.urls import path

from webadmin.owner.views import (
    absence,
    apppasswords,
    consents,
    filters,
    home,
    keys,
    links,
    log,
    passwords,
    programs,
    recovering,
)

urlpatterns = [
    path("mailbox/", home.home, name="mailbox"),
    path("mailbox/keyring", passwords.keyring, name="keyring"),
    path("mailbox/app-passwords/", apppasswords.listing, name="app-passwords"),
    path("mailbox/app-passwords/new/", apppasswords.add, name="app-password-add"),
    path("mailbox/app-passwords/<int:number>/revoke/", apppasswords.revoke, name="app-password-revoke"),
    path("mailbox/links/", links.listing, name="own-links"),
    path("mailbox/links/<int:number>/end/", links.end, name="own-link-end"),
    path("account/consents/", consents.listing, name="own-consents"),
    path("account/consents/<int:number>/revoke/", consents.revoke, name="own-consent-revoke"),
    path("mailbox/filters/", filters.listing, name="filters"),
    path("mailbox/filters/new/", filters.add, name="filter-add"),
    path("mailbox/filters/<int:number>/", filters.change, name="filter-change"),
    path("mailbox/filters/<int:number>/move/", filters.move, name="filter-move"),
    path("mailbox/filters/<int:number>/remove/", filters.remove, name="filter-remove"),
    path("mailbox/filters/ask/", filters.ask, name="forward-ask"),
    path("mailbox/vacation/", absence.absence, name="vacation"),
    path("mailbox/password/", passwords.change, name="change-password"),
    path("mailbox/programs/", programs.programs, name="mail-programs"),
    path("mailbox/programs/mail.mobileconfig", programs.profile, name="mail-profile"),
    path("mailbox/keys/", keys.keys, name="own-keys"),
    path("mailbox/keys/receipt.json", keys.receipt, name="key-receipt"),
    path("mailbox/sign-ins/", log.log, name="sign-ins"),
    path("mailbox/sign-ins/notes.json", log.notes, name="sign-in-notes"),
    path("recover/", recovering.recover, name="recover"),
    path("recover/keyring", recovering.keyring, name="recover-keyring"),
]
