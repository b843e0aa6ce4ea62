"""The app of accounts, sessions and second factors; its label is `accounts`."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "webadmin.accounts"
    label = "accounts"
