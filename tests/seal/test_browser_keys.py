"""The bundle that browsers get, run under Node against this code, both ways; tests/js/keys.mjs drives it.

What is tested is the committed bundle itself, which needs nothing installed but Node. A missing Node skips the
journey, but is an error under CI=true.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from nacl.signing import VerifyKey

from jurisdiction.ledger import keylog
from mailhost.seal import CannotOpen, HybridIdentity, open_file, seal
from mailhost.seal.apppassword import app_password_wrap_key, parse_app_password
from mailhost.seal.keyring import Keyring, _box, open_keyring, seal_keyring, unwrap_as_tenant, unwrap_keyring_key
from mailhost.seal.password import TOO_EASY, Argon2Parameters, derive_keys, is_easy, normalize_password
from mailhost.seal.phrase import parse_phrase, phrase_wrap_key
from mailhost.seal.registration import (
    parse_app_password_form,
    parse_password,
    parse_recovery,
    parse_registration,
    parse_rotation,
)
from mailhost.seal.summary import encode_summary
from tests.seal.owners import OwnerKeys, make, text64
from tests.seal.people import ADA, BEN, SUMMARY
from tests.seal.test_exchange import SCRIPTS, VECTORS, need_program

pytestmark = pytest.mark.journey

BUNDLE = SCRIPTS.parent.parent / "webadmin" / "static" / "js" / "keys.js"
ADDRESS = "ada@example.is"
PASSWORD = "five quiet\u00a0seals wait e\u0301"

type Json = dict[str, Any]
type Browser = Callable[..., list[Json]]


@pytest.fixture(scope="module")
def node() -> Iterator[subprocess.Popen[str]]:
    """The bundle under Node, loaded once: it remembers what it has derived from Ada's password, which takes longest."""
    need_program("node")
    command = ["node", str(SCRIPTS / "keys.mjs"), str(BUNDLE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


@pytest.fixture
def browser(node: subprocess.Popen[str]) -> Browser:
    """Give tasks to the bundle; its answers."""

    def ask(*tasks: Json) -> list[Json]:
        assert node.stdin is not None
        assert node.stdout is not None
        print(json.dumps(tasks), file=node.stdin, flush=True)
        line = node.stdout.readline()
        assert line, "node has ended; what it complained about stands above"
        answers: list[Json] = json.loads(line)
        return answers

    return ask


@pytest.fixture(scope="module")
def ada() -> OwnerKeys:
    """An account whose keys Python made."""
    return make(ADDRESS, PASSWORD)


def login(owner: OwnerKeys, **more: object) -> Json:
    password = owner.form["password"]
    stored = {"keyring": owner.form["keyring"], "wrap": password["wrap"]}
    return {
        "stored": stored,
        "password": PASSWORD,
        "salt": password["salt"],
        "parameters": password["parameters"],
        **more,
    }


def secrets_of(keyring: Keyring) -> list[str]:
    return [identity.secret_text for identity in keyring.identities]


def vectors(name: str) -> list[Json]:
    found: list[Json] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))["vectors"]
    return found


NEW_PASSWORDS = (
    "x", "elevenchars", "aaaaaaaaaaaaaaaa", "abcabcabcabcabc", "ABCabcabcABC", "tides 1234 gulls", "Password-and-more",
    "abcdeabcdeabcd", "áéíóúáéíóúáéíóú", "🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊🌊", "🌊⛵🐳🦀🐚🦑🐙🐟🦐🦞🐡🐠", "five quiet seals", "kelp tide gull rope",
)  # fmt: skip


def test_what_is_easy_to_guess_is_the_same_in_the_browser_and_here(browser: Browser) -> None:
    told = browser(*({"do": "easy", "password": one} for one in NEW_PASSWORDS))
    assert [one["easy"] for one in told] == [is_easy(one) for one in NEW_PASSWORDS]
    assert {is_easy(one) for one in NEW_PASSWORDS} == {True, False}
    words = (SCRIPTS.parent.parent / "webadmin/signup/templates/signup/parts/make_keys.html").read_text(
        encoding="utf-8"
    )
    assert f"data-short=\"{{% trans '{TOO_EASY}' %}}\"" in words


def test_keys_made_in_the_browser_open_here_and_no_two_accounts_share_any(browser: Browser) -> None:
    made, other = browser(
        {"do": "make", "password": PASSWORD, "address": ADDRESS, "tenantRecipient": BEN.recipient.text},
        {"do": "make", "password": PASSWORD, "address": ADDRESS},
    )
    found = parse_registration(made["form"], ADDRESS)
    keys = derive_keys(PASSWORD, found.password.salt, found.password.parameters)
    assert base64.b64decode(made["authKey"]) == found.password.auth_key == keys.auth_key
    keyring_key = unwrap_keyring_key(keys.wrap_key, found.password.wrap)
    assert unwrap_keyring_key(phrase_wrap_key(parse_phrase(" ".join(made["recoveryWords"]))), found.recovery_wrap) == (
        keyring_key
    )
    assert found.tenant_wrap is not None
    assert unwrap_as_tenant(BEN, found.tenant_wrap) == keyring_key
    keyring = open_keyring(keyring_key, found.keyring)
    assert keyring.recipient == found.recipient
    assert keyring.recipient.text == made["publicIdentity"]
    assert keyring.version == found.keyring_version == 1
    sealed = seal(found.recipient, b"hello", SUMMARY)
    assert open_file(keyring.identities, sealed.header + sealed.payload) == b"hello"
    first, second = json.loads(made["form"]), json.loads(other["form"])
    assert first["password"]["salt"] != second["password"]["salt"]
    assert first["recipient"] != second["recipient"]
    assert made["recoveryWords"] != other["recoveryWords"]


def test_keys_made_here_open_in_the_browser(browser: Browser, ada: OwnerKeys) -> None:
    by_password, by_words = browser(
        {"do": "open", **login(ada)},
        {
            "do": "open",
            "stored": {"keyring": ada.form["keyring"], "wrap": ada.form["recovery"]["wrap"]},
            "words": ada.phrase.upper().replace(" ", "\n "),
            "newPassword": "another password",
        },
    )
    assert by_password == by_words
    assert by_password["publicIdentity"] == ada.keyring.recipient.text
    assert by_password["version"] == 1
    assert by_password["signingKey"] == bytes(ada.keyring.signing_key.verify_key).hex()
    assert by_password["secrets"] == f"{ada.keyring.identities[0].secret_text}\n"


def test_the_published_vectors_hold_for_the_bundle(browser: Browser) -> None:
    passwords = [one for one in vectors("passwords") if one["parameters"] == Argon2Parameters().text]
    phrases = vectors("phrases")
    answers = browser(
        *[
            {"do": "derive", "password": one["password"], "salt": text64(bytes.fromhex(one["salt"]))}
            | {"parameters": one["parameters"]}
            for one in passwords
        ],
        *[{"do": "parsePhrase", "text": one["phrase"]} for one in phrases],
    )
    expected = [{"authKey": one["auth_key"]} for one in passwords] + [{"secret": one["secret"]} for one in phrases]
    assert answers == expected
    assert passwords


SPELLINGS = [
    "plain",
    "pa\u00dfwort",
    "e\u0301te\u0301",
    "\ufb01ne",
    "a\u00a0b\u3000c\u2003d",
    "\U0001f5dd\ufe0f key",
    "\u00c5\u212b",
    "x" * 1024,
]


def test_both_sides_hash_the_same_bytes_of_a_password(browser: Browser) -> None:
    answers = browser(*[{"do": "normalize", "password": password} for password in SPELLINGS])
    assert [answer["bytes"] for answer in answers] == [normalize_password(password).hex() for password in SPELLINGS]


def test_no_password_endless_and_half_a_character_are_refused(browser: Browser) -> None:
    answers = browser(*[{"do": "normalize", "password": text} for text in ("", "x" * 1025, "a\ud800")])
    assert [answer["error"] for answer in answers] == ["InvalidKey"] * 3


WEAK = [
    "argon2id,m=65535,t=3,p=1",
    "argon2id,m=65536,t=2,p=1",
    "argon2id,m=65536,t=3,p=2",
    "argon2i,m=65536,t=3,p=1",
    "argon2id,m=1048577,t=3,p=1",
    "argon2id,m=65536,t=17,p=1",
    "",
]


def test_the_browser_refuses_a_cost_that_is_not_its_own(browser: Browser) -> None:
    task = {"do": "derive", "password": PASSWORD, "salt": text64(bytes(16))}
    answers = browser(*[task | {"parameters": parameters} for parameters in WEAK])
    assert [answer["error"] for answer in answers] == ["WeakParameters"] * len(WEAK)


def test_a_mistyped_phrase_says_what_to_correct(browser: Browser, ada: OwnerKeys) -> None:
    words = ada.phrase.split()
    typo = [*words[:3], "zebrra", *words[4:]]
    swapped = [*words[1:], words[0]]
    answers = browser(
        *[{"do": "parsePhrase", "text": " ".join(text)} for text in (typo, words[:-1])],
        {"do": "parsePhrase", "text": "word " * 300},
        {"do": "parsePhrase", "text": " ".join(swapped)},
    )
    assert [answer.get("error") for answer in answers[:3]] == ["InvalidKey"] * 3
    assert answers[0]["message"] == "word 4 is not in the list of recovery words; near it are: zebra"
    assert "has 24 words, this one has 23" in answers[1]["message"]
    assert "much longer" in answers[2]["message"]
    # One order in 256 passes the checksum by chance.
    assert "compare each word" in answers[3].get("message", "compare each word")


def test_wrong_secrets_open_nothing_and_say_nothing(browser: Browser, ada: OwnerKeys) -> None:
    other = make(ADDRESS)
    recovery = {"keyring": ada.form["keyring"], "wrap": ada.form["recovery"]["wrap"]}
    damaged = bytearray(base64.b64decode(ada.form["keyring"]))
    damaged[-1] ^= 1
    answers = browser(
        {"do": "open", **login(ada), "password": "a wrong one"},
        {
            "do": "open",
            **login(ada),
            "stored": {"keyring": text64(bytes(damaged)), "wrap": ada.form["password"]["wrap"]},
        },
        {
            "do": "open",
            **login(ada),
            "stored": {"keyring": ada.form["keyring"], "wrap": other.form["password"]["wrap"]},
        },
        {"do": "open", **login(ada), "stored": {"keyring": ada.form["keyring"], "wrap": text64(b"\x02" + bytes(72))}},
        {"do": "recover", "stored": recovery, "words": other.phrase, "newPassword": "another"},
    )
    assert answers == [{"error": "CannotOpen", "message": "this cannot be opened with these keys"}] * 5


def test_an_older_keyring_than_one_seen_is_refused(browser: Browser, ada: OwnerKeys) -> None:
    task = login(ada)
    task["stored"]["seenVersion"] = 2
    [answer] = browser({"do": "open", **task})
    assert answer["error"] == "OldKeyring"
    assert "backup" in answer["message"]


NO_KEYRINGS: list[Json] = [
    {"version": 0},
    {"version": "1"},
    {"identities": []},
    {"identities": ["AGE-SECRET-KEY-1QQQQ"]},
    {"identities": ["AGE-SECRET-KEY-PQ-1" + "Q" * 58]},
    {"signing_key": "00"},
    {"signing_key": None},
]


def test_a_keyring_that_is_none_is_refused_on_both_sides(browser: Browser, ada: OwnerKeys) -> None:
    right = {"version": 1, "identities": secrets_of(ada.keyring), "signing_key": ada.keyring.signing_seed.hex()}
    tasks = []
    for fields in NO_KEYRINGS:
        box = _box(ada.keyring_key, json.dumps(right | fields).encode(), bytes)
        with pytest.raises(CannotOpen):
            open_keyring(ada.keyring_key, box)
        stored = {"keyring": text64(box), "wrap": ada.form["password"]["wrap"]}
        tasks.append({"do": "open", **login(ada), "stored": stored})
    assert [answer["error"] for answer in browser(*tasks)] == ["CannotOpen"] * len(NO_KEYRINGS)


def test_a_new_password_and_a_recovery_wrap_the_same_key(browser: Browser, ada: OwnerKeys) -> None:
    recovery = {"keyring": ada.form["keyring"], "wrap": ada.form["recovery"]["wrap"]}
    rewrapped, recovered, phrase = browser(
        {"do": "rewrap", **login(ada), "newPassword": "a new one"},
        {"do": "recover", "stored": recovery, "words": ada.phrase, "newPassword": "a new one"},
        {"do": "newPhrase", **login(ada)},
    )
    for answer in (rewrapped, recovered):
        form = parse_password(answer["form"])
        keys = derive_keys("a new one", form.salt, form.parameters)
        assert keys.auth_key == form.auth_key
        assert unwrap_keyring_key(keys.wrap_key, form.wrap) == ada.keyring_key
    wrap_key = phrase_wrap_key(parse_phrase(" ".join(phrase["words"])))
    assert unwrap_keyring_key(wrap_key, parse_recovery(phrase["form"])) == ada.keyring_key


def test_app_passwords_are_the_ones_this_side_makes(browser: Browser, ada: OwnerKeys) -> None:
    sealed, session, wrong = browser(
        *[{"do": "appPassword", **login(ada), "access": one} for one in ("sealed", "session", "root")]
    )
    for made in (sealed, session):
        form = parse_app_password_form(made["form"])
        assert parse_app_password(made["password"]) == form.secret
    assert parse_app_password_form(sealed["form"]).wrap is None
    form = parse_app_password_form(session["form"])
    assert form.wrap is not None
    assert unwrap_keyring_key(app_password_wrap_key(form.secret), form.wrap) == ada.keyring_key
    assert wrong["error"] == "RangeError"


def test_a_rotation_keeps_the_old_key_and_is_signed_for_the_key_log(browser: Browser, ada: OwnerKeys) -> None:
    verify_key = ada.keyring.signing_key.verify_key
    old = keylog.first_key("ab" * 32, [ada.keyring.recipient.text], verify_key)
    [answer] = browser({"do": "rotate", **login(ada), "logged": {"label": old.label, "serial": old.serial}})
    found = parse_rotation(answer["form"])
    keyring = open_keyring(ada.keyring_key, found.keyring, seen_version=2)
    assert keyring.version == found.keyring_version == 2
    assert keyring.recipient == found.recipient
    assert secrets_of(keyring)[1:] == secrets_of(ada.keyring)
    assert keyring.signing_seed == ada.keyring.signing_seed
    unsigned = keylog.succeed(old, [found.recipient.text], verify_key, None)
    VerifyKey(bytes(verify_key)).verify(keylog.message(unsigned, old), bytes.fromhex(found.signature))


def test_after_a_compromise_everything_is_new_but_the_old_mail_still_opens(browser: Browser, ada: OwnerKeys) -> None:
    task = {"do": "compromise", **login(ada), "newPassword": "a new one", "options": {"address": ADDRESS}}
    [answer] = browser(task)
    found = parse_registration(answer["form"], ADDRESS)
    key = unwrap_keyring_key(phrase_wrap_key(parse_phrase(" ".join(answer["recoveryWords"]))), found.recovery_wrap)
    keyring = open_keyring(key, found.keyring, seen_version=2)
    assert key != ada.keyring_key
    assert keyring.signing_seed != ada.keyring.signing_seed
    assert secrets_of(keyring)[1:] == secrets_of(ada.keyring)


def test_a_tenant_gets_the_keyring_key_sealed(browser: Browser, ada: OwnerKeys) -> None:
    [answer] = browser({"do": "tenant", **login(ada), "recipient": BEN.recipient.text})
    assert unwrap_as_tenant(BEN, base64.b64decode(answer["wrap"])) == ada.keyring_key


def test_a_wiped_keyring_does_nothing_more_and_no_secret_shows(browser: Browser, ada: OwnerKeys) -> None:
    wiped, surface = browser({"do": "wiped", **login(ada)}, {"do": "surface", **login(ada)})
    assert wiped["error"] == "CannotOpen"
    assert surface["unlocked"] == ["publicIdentity", "version", "signingKey"]
    assert surface["passwordKeys"] == ["authKey"]
    for secret in (ada.keyring.identities[0].secret_text, ada.keyring.signing_seed.hex(), ada.keyring_key.hex()):
        assert secret not in surface["json"]


def test_sealed_messages_open_in_the_browser(browser: Browser) -> None:
    keyring = Keyring(1, (ADA,), bytes(32))
    owner = make(ADDRESS, PASSWORD)
    # The cast's identity in an account with a known password.
    owner.form["keyring"] = text64(seal_keyring(keyring, owner.keyring_key))
    letters = [b"", b"x", b"From: ben@demo.test\r\n\r\nDear Ada,\r\n" * 5000]
    files = [seal(ADA.recipient, letter, SUMMARY) for letter in letters]
    answers = browser(
        *[{"do": "message", **login(owner), "file": text64(file.header + file.payload)} for file in files],
        {"do": "summary", **login(owner), "header": text64(files[0].header)},
        {"do": "message", **login(owner), "file": text64(files[2].header + files[2].payload), "maxSize": 169_999},
    )
    for letter, answer in zip(letters, answers, strict=False):
        assert base64.b64decode(answer["message"]) == letter
        assert answer["summary"] == json.loads(encode_summary(SUMMARY))
    assert answers[3] == {"summary": json.loads(encode_summary(SUMMARY))}
    assert answers[4]["error"] == "CannotOpen"


def with_identities(owner: OwnerKeys, *texts: str) -> Json:
    """The owner's login, with a stored keyring that holds these identities."""
    keyring = Keyring(1, tuple([HybridIdentity.from_text(text) for text in texts]), bytes(32))
    stored = {"keyring": text64(seal_keyring(keyring, owner.keyring_key)), "wrap": owner.form["password"]["wrap"]}
    return login(owner) | {"stored": stored}


def test_what_python_refuses_to_open_the_browser_refuses_too(browser: Browser, ada: OwnerKeys) -> None:
    refused = vectors("refused")
    answers = browser(
        *[
            {"do": "message", **with_identities(ada, one["identity"]), "file": one["file"], "maxSize": one["max_size"]}
            for one in refused
        ]
    )
    opened = [one["name"] for one, answer in zip(refused, answers, strict=True) if answer.get("error") != "CannotOpen"]
    # A whole file needs no summary; a list does.
    assert opened == ["no summary"]


def test_published_messages_open_in_the_browser(browser: Browser, ada: OwnerKeys) -> None:
    published = vectors("messages")
    wholes = [base64.b64decode(one["header"]) + base64.b64decode(one["payload"]) for one in published]
    answers = browser(
        *[
            {"do": "message", **with_identities(ada, *one["identities"]), "file": text64(whole)}
            for one, whole in zip(published, wholes, strict=True)
        ]
    )
    for one, whole, answer in zip(published, wholes, answers, strict=True):
        assert answer.get("summary") == one["summary"], one["name"]
        identities = [HybridIdentity.from_text(text) for text in one["identities"]]
        assert base64.b64decode(answer["message"]) == open_file(identities, whole)


def test_a_suggested_passphrase_is_six_words_and_never_twice_the_same(browser: Browser) -> None:
    first, second = browser({"do": "suggest"}, {"do": "suggest"})
    assert len(first["passphrase"].split()) == 6
    assert first != second
