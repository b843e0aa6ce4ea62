"""What every answer tells the browser besides its content policy: embed this nowhere, use no sensor, keep no copy.

Pages for somebody who signed in are not to be kept by the browser's cache: the back button after signing out shows
nothing. Static files never come here; `web.statics` gives them headers of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# Every feature that could watch, ask or pay, switched off; passkeys are what we use ourselves.
_OFF: Final = (
    "accelerometer autoplay camera display-capture encrypted-media fullscreen geolocation gyroscope hid"
    " idle-detection magnetometer microphone midi payment picture-in-picture screen-wake-lock serial usb"
    " xr-spatial-tracking"
)
PERMISSIONS: Final = ", ".join(
    [*(f"{name}=()" for name in _OFF.split()), *(f"publickey-credentials-{act}=(self)" for act in ("get", "create"))]
)


class Headers:
    """Middleware that adds them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self._get_response(request)
        answer.headers.setdefault("Permissions-Policy", PERMISSIONS)
        answer.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if settings.SECURE_HSTS_SECONDS:
            # Django's own middleware says it to TLS only: here a proxy ends TLS, and no request shows it.
            answer.headers.setdefault("Strict-Transport-Security", f"max-age={settings.SECURE_HSTS_SECONDS}")
        if getattr(request, "session", None) is not None and not request.session.is_empty():
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer
