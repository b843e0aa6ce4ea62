"""The app of the programming interface; its label is `api`."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "webadmin.api"
    label = "api"
    default_auto_field = "django.db.models.BigAutoField"
