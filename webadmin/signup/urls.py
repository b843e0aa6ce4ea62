"""Addresses of signup, of the regions, and of an invitation."""

from django.urls import URLPattern, path

from webadmin.signup import inviting, views

urlpatterns: list[URLPattern] = [
    path("regions/", views.regions, name="regions"),
    path("signup/", views.name, name="signup"),
    path("signup/place/", views.place, name="signup-place"),
    path("signup/keys/", views.keys, name="signup-keys"),
    path("signup/done/", views.done, name="signup-done"),
    path("invite/<str:key>/", inviting.accept, name="invite"),
]
