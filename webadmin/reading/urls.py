"""Addresses that stand in other people's mail: they stay as they are."""

from django.urls import path

from webadmin.reading import agreeing, views

urlpatterns = [
    path("l/<str:token>", views.page, name="secure-link"),
    path("l/<str:token>/open", views.open_, name="secure-link-open"),
    path("l/<str:token>/answer", views.answer, name="secure-link-answer"),
    path("f/<str:token>", agreeing.page, name="forward-agreement"),
]
