"""The app of a tenant's pages; its label is `tenants`."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "webadmin.tenants"
    label = "tenants"
    default_auto_field = "django.db.models.BigAutoField"
