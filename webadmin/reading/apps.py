"""The app of the pages of secure links; its label is `reading`."""

from django.apps import AppConfig


class ReadingConfig(AppConfig):
    name = "webadmin.reading"
    label = "reading"
    default_auto_field = "django.db.models.BigAutoField"
