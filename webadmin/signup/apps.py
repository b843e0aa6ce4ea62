"""The app of signup; its label is `signup`."""

from django.apps import AppConfig


class SignupConfig(AppConfig):
    name = "webadmin.signup"
    label = "signup"
    default_auto_field = "django.db.models.BigAutoField"
