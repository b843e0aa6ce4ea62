"""Registers the house's own system checks when Django starts."""

from django.apps import AppConfig
from django.core import checks

from webadmin.cell.scopes import check_declarations


class WebadminConfig(AppConfig):
    name = "webadmin"

    def ready(self) -> None:
        checks.register(check_declarations, checks.Tags.models)
