"""The app of the operator's console; its label is `console`."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "webadmin.console"
    label = "console"
    default_auto_field = "django.db.models.BigAutoField"
