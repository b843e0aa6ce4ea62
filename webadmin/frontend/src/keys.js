// Keys in the browser: the whole surface that pages use. What leaves this module is either public, sealed, or what
// the owner must see once; the keyring key, wrap keys and identities stay in private fields.
//
//   makeAccount(password, {address, tenantRecipient}) -> account      account.form is the JSON to send
//   deriveAuthKey(password, salt, parameters)         -> PasswordKeys authKey signs in
//   unlockKeyring({keyring, wrap, seenVersion}, passwordKeys)         -> Unlocked
//   recover({keyring, wrap, seenVersion}, words, newPassword)         -> {unlocked, form}
//   rewrap(unlocked, newPassword), newRecoveryPhrase(unlocked), afterCompromise(unlocked, newPassword)
//   makeAppPassword(unlocked, access), addIdentity(unlocked, logged), sealToTenantRecoveryKey(unlocked, recipient)
//   openMessage(unlocked, file), openSummary(unlocked, header), exportSecretKeys(unlocked), sign(unlocked, bytes)
//
// Bytes that come from the server may be Uint8Array or base64; forms are JSON text with base64 in it, as
// mailhost/seal/registration.py reads them. Formats: docs/sealed-format.md. Nothing here touches the document, a
// cookie, storage, the network or a log.

import { ed25519 } from "@noble/curves/ed25519.js";
import { identityToRecipient } from "age-encryption";

import * as apppassword from "./apppassword.js";
import { fromBase64, toBase64, toHex, utf8, wipe } from "./bytes.js";
import { CannotOpen } from "./errors.js";
import * as keyrings from "./keyring.js";
import * as messages from "./message.js";
import { DEFAULT_PARAMETERS, deriveAuthKey, isEasy, newSalt, normalizePassword, serveAsWorker, unwrapWith, wrapWith } from "./password.js";
import { newPhrase, parsePhrase, phraseWrapKey, suggestPassphrase } from "./phrase.js";

export { CannotOpen, InvalidKey, OldKeyring, WeakParameters } from "./errors.js";
export { PasswordKeys, parseParameters } from "./password.js";
export { DEFAULT_PARAMETERS, deriveAuthKey, isEasy, normalizePassword, parsePhrase, suggestPassphrase, toBase64 };

const REGISTRATION_CONTEXT = "skerry-registration-v1\n";
const KEY_LOG_CONTEXT = "skerry-key-v1\n";

let use;

const bytesOf = (given) => (typeof given === "string" ? fromBase64(given) : given);

/** An opened keyring. Its secrets cannot be read from outside; `wipe()` ends it. */
export class Unlocked {
  #keyring;
  #keyringKey;

  static {
    // Hands the secrets to functions of this module, and to nobody outside; a wiped keyring hands out nothing.
    use = (unlocked, act) => {
      if (unlocked.#keyring === null) throw new CannotOpen();
      return act(unlocked.#keyring, unlocked.#keyringKey);
    };
  }

  constructor(keyring, keyringKey, publicIdentity) {
    this.#keyring = keyring;
    this.#keyringKey = keyringKey;
    this.publicIdentity = publicIdentity;
    this.version = keyring.version;
    this.signingKey = ed25519.getPublicKey(keyring.signingSeed);
  }

  static async of(keyring, keyringKey) {
    return new Unlocked(keyring, keyringKey, await identityToRecipient(keyring.identities[0]));
  }

  wipe() {
    if (this.#keyring === null) return;
    wipe(this.#keyring.signingSeed, this.#keyringKey);
    this.#keyring = null;
  }
}

/** Key, wraps and words of a new mailbox. `form` is for the server, `recoveryWords` for the owner's paper. */
export async function makeAccount(password, { address, tenantRecipient = null }) {
  normalizePassword(password);
  const keyring = await keyrings.newKeyring();
  return makeForm(keyring, password, { address, tenantRecipient });
}

/** After a compromise: new identity, signing key, keyring key, phrase and password. Every app password must go. */
export async function afterCompromise(unlocked, newPassword, { address, tenantRecipient = null }) {
  const next = await use(unlocked, (keyring) => keyrings.rotated(keyring));
  const { signingSeed } = await keyrings.newKeyring();
  return makeForm({ ...next, signingSeed }, newPassword, { address, tenantRecipient });
}

async function makeForm(keyring, password, { address, tenantRecipient }) {
  const keyringKey = keyrings.newKeyringKey();
  // The worker hashes while this side computes curves and lattices.
  const byPassword = passwordForm(password, keyringKey);
  const unlocked = await Unlocked.of(keyring, keyringKey);
  const phrase = phraseForm(keyringKey);
  const form = {
    address,
    recipient: unlocked.publicIdentity,
    signing_key: toBase64(unlocked.signingKey),
    keyring: toBase64(keyrings.sealKeyring(keyring, keyringKey)),
    keyring_version: keyring.version,
    password: await byPassword,
    recovery: { wrap: phrase.wrap },
    tenant: tenantRecipient ? { wrap: toBase64(await keyrings.wrapForTenant(tenantRecipient, keyringKey)) } : null,
    proof: toBase64(sign(unlocked, utf8(`${REGISTRATION_CONTEXT}${address}\n${unlocked.publicIdentity}`))),
  };
  return {
    form: JSON.stringify(form),
    publicIdentity: unlocked.publicIdentity,
    authKey: form.password.auth_key,
    recoveryWords: phrase.words,
    unlocked,
  };
}

async function passwordForm(password, keyringKey) {
  const salt = newSalt();
  const keys = await deriveAuthKey(password, salt, DEFAULT_PARAMETERS);
  const form = {
    wrap: toBase64(wrapWith(keys, keyringKey)),
    salt: toBase64(salt),
    parameters: DEFAULT_PARAMETERS,
    auth_key: toBase64(keys.authKey),
  };
  keys.wipe();
  return form;
}

function phraseForm(keyringKey) {
  const { secret, words } = newPhrase();
  const wrapKey = phraseWrapKey(secret);
  const wrap = toBase64(keyrings.wrapKeyringKey(wrapKey, keyringKey));
  wipe(secret, wrapKey);
  return { words, wrap };
}

/** Open what the server stores with the keys of the password. `seenVersion` is the newest this client has seen. */
export async function unlockKeyring({ keyring, wrap, seenVersion = 0 }, passwordKeys) {
  const keyringKey = unwrapWith(passwordKeys, bytesOf(wrap));
  return Unlocked.of(await keyrings.openKeyring(keyringKey, bytesOf(keyring), seenVersion), keyringKey);
}

/** The password is forgotten: the words open the keyring, and a new password wraps it. `wrap` is the recovery wrap. */
export async function recover({ keyring, wrap, seenVersion = 0 }, words, newPassword) {
  const secret = parsePhrase(words);
  const wrapKey = phraseWrapKey(secret);
  const keyringKey = keyrings.unwrapKeyringKey(wrapKey, bytesOf(wrap));
  wipe(secret, wrapKey);
  const unlocked = await Unlocked.of(await keyrings.openKeyring(keyringKey, bytesOf(keyring), seenVersion), keyringKey);
  return { unlocked, form: await rewrap(unlocked, newPassword) };
}

/** A new account password: `{password: {wrap, salt, parameters, auth_key}}` as JSON. Nothing else changes. */
export async function rewrap(unlocked, newPassword) {
  const password = await use(unlocked, (_, keyringKey) => passwordForm(newPassword, keyringKey));
  return JSON.stringify({ password });
}

/** A new recovery phrase: `{words, form}`. The old paper opens nothing once the server has the new wrap. */
export function newRecoveryPhrase(unlocked) {
  const { words, wrap } = use(unlocked, (_, keyringKey) => phraseForm(keyringKey));
  return { words, form: JSON.stringify({ recovery: { wrap } }) };
}

/** An app password: `{password, form}`; with "session" access the form holds a wrap of the keyring key for it. */
export function makeAppPassword(unlocked, access) {
  if (access !== "sealed" && access !== "session") throw new RangeError(`there is no access called ${access}`);
  const secret = apppassword.newSecret();
  const wrapKey = apppassword.appPasswordWrapKey(secret);
  const wrap = access === "session" ? use(unlocked, (_, keyringKey) => toBase64(keyrings.wrapKeyringKey(wrapKey, keyringKey))) : null;
  const made = { password: apppassword.appPasswordText(secret), form: JSON.stringify({ secret: toBase64(secret), access, wrap }) };
  wipe(secret, wrapKey);
  return made;
}

/** Rotation: `{unlocked, form}` with a new current identity. `logged` is the key log's present entry of the mailbox. */
export async function addIdentity(unlocked, { label, serial }) {
  const next = await use(unlocked, async (keyring, keyringKey) => {
    const made = await keyrings.rotated(keyring);
    return { keyring: keyrings.sealKeyring(made, keyringKey), opened: await Unlocked.of({ ...made, signingSeed: made.signingSeed.slice() }, keyringKey.slice()) };
  });
  const { opened } = next;
  // The message that jurisdiction/ledger/keylog.py has the predecessor sign: the new key and the key it replaces.
  const signingKey = toHex(opened.signingKey);
  const body = [label, serial + 1, [opened.publicIdentity], signingKey, signingKey];
  const form = {
    recipient: opened.publicIdentity,
    keyring: toBase64(next.keyring),
    keyring_version: opened.version,
    signature: toHex(sign(unlocked, utf8(KEY_LOG_CONTEXT + JSON.stringify(body)))),
  };
  return { unlocked: opened, form: JSON.stringify(form) };
}

/** The keyring key as an age file to the tenant's recovery key `age1pq1…`, in base64. */
export async function sealToTenantRecoveryKey(unlocked, recipient) {
  return toBase64(await use(unlocked, (_, keyringKey) => keyrings.wrapForTenant(recipient, keyringKey)));
}

/** `{message, summary}` of a sealed file; a message of more than `maxSize` bytes does not open. */
export function openMessage(unlocked, file, maxSize = messages.MAX_MESSAGE_SIZE) {
  return use(unlocked, ({ identities }) => messages.openFile(identities, bytesOf(file), maxSize));
}

/** The line of a list in a stored header. */
export function openSummary(unlocked, header) {
  return use(unlocked, ({ identities }) => messages.openHeader(identities, bytesOf(header)));
}

/** `AGE-SECRET-KEY-PQ-1…`, one a line, current first: for the owner's own file, never for the server. */
export function exportSecretKeys(unlocked) {
  return use(unlocked, ({ identities }) => `${identities.join("\n")}\n`);
}

/** Ed25519 (RFC 8032) with the mailbox's signing key. */
export function sign(unlocked, bytes) {
  return use(unlocked, ({ signingSeed }) => ed25519.sign(bytes, signingSeed));
}

serveAsWorker();
