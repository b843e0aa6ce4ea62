"""The app of mailbox owners' pages; its label is `owner`."""

from django.apps import AppConfig


class OwnerConfig(AppConfig):
    name = "webadmin.owner"
    label = "owner"
    default_auto_field = "django.db.models.BigAutoField"
