"""Addresses of signing in and of one's own account."""

from django.urls import URLPattern, path

from webadmin.accounts.views import own, passkeys, proving, signing_in

urlpatterns: list[URLPattern] = [
    path("sign-in/", signing_in.owner, name="sign-in"),
    path("sign-in/salt", signing_in.salt, name="salt"),
    path("operators/sign-in/", signing_in.operator, name="operator-sign-in"),
    path("sign-out/", signing_in.out, name="sign-out"),
    path("second-factor/", proving.second_factor, name="second-factor"),
    path("second-factor/set-up/", proving.set_up, name="set-up"),
    path("second-factor/passkey/options", passkeys.use_options, name="passkey-use-options"),
    path("second-factor/passkey/", passkeys.use, name="passkey-use"),
    path("second-factor/passkey/add/options", passkeys.add_options, name="passkey-add-options"),
    path("second-factor/passkey/add/", passkeys.add, name="passkey-add"),
    path("account/passkeys/<int:number>/remove/", passkeys.remove, name="passkey-remove"),
    path("account/", own.account, name="account"),
    path("account/prove-again/", proving.prove_again, name="prove-again"),
    path("account/recovery-codes/", proving.recovery_codes, name="recovery-codes"),
    path("account/authenticator/remove/", own.remove_authenticator, name="remove-authenticator"),
    path("account/sessions/end-others/", own.end_other_sessions, name="end-other-sessions"),
    path("account/sessions/<str:key>/end/", own.end_session, name="end-session"),
    path("account/sessions/<str:key>/name/", own.name_session, name="name-session"),
    path("operators/state/", own.state, name="state"),
    path("operators/state/end/", own.end_statement, name="end-statement"),
]
