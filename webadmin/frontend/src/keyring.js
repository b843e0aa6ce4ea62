// The keyring: every secret of one mailbox, in a box that several keys can lead to (docs/sealed-format.md).
//
// A box is 0x01, a 24-byte nonce, XSalsa20-Poly1305. The keyring is JSON in a box under the keyring key; a wrap is
// the keyring key in a box under a derived key; for a tenant's recovery key it is an age file.

import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { Encrypter, generateHybridIdentity, identityToRecipient } from "age-encryption";

import { concat, fromHex, random, toHex, utf8, wipe } from "./bytes.js";
import { CannotOpen, OldKeyring } from "./errors.js";

const KEY_SIZE = 32;
const NONCE_SIZE = 24;
const BOX_VERSION = 1;
// A keyring of a thousand rotations; more is not a keyring.
const MAX_KEYRING_SIZE = 128 * 1024;
const IDENTITY = /^AGE-SECRET-KEY-PQ-1[A-Z0-9]{58}$/;

function box(key, plaintext) {
  const nonce = random(NONCE_SIZE);
  return concat([BOX_VERSION], nonce, xsalsa20poly1305(key, nonce).encrypt(plaintext));
}

function unbox(key, sealed) {
  if (sealed[0] !== BOX_VERSION || key.length !== KEY_SIZE) throw new CannotOpen();
  try {
    return xsalsa20poly1305(key, sealed.subarray(1, 1 + NONCE_SIZE)).decrypt(sealed.subarray(1 + NONCE_SIZE));
  } catch {
    throw new CannotOpen();
  }
}

export const newKeyringKey = () => random(KEY_SIZE);

export const wrapKeyringKey = (wrapKey, keyringKey) => box(wrapKey, keyringKey);

export function unwrapKeyringKey(wrapKey, wrap) {
  const keyringKey = unbox(wrapKey, wrap);
  if (keyringKey.length !== KEY_SIZE) throw new CannotOpen();
  return keyringKey;
}

/** The keyring key as an age file to the tenant's recovery key `age1pq1…`. */
export function wrapForTenant(recipient, keyringKey) {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(keyringKey);
}

/** A first keyring: `{version, identities, signingSeed}`; `identities[0]` is current. */
export async function newKeyring() {
  return { version: 1, identities: [await generateHybridIdentity()], signingSeed: random(32) };
}

/** The next version: a new current identity, the old ones kept for old mail, the same signing key. */
export async function rotated(keyring) {
  const fresh = await generateHybridIdentity();
  return { ...keyring, version: keyring.version + 1, identities: [fresh, ...keyring.identities] };
}

export function sealKeyring(keyring, keyringKey) {
  const { version, identities, signingSeed } = keyring;
  const plaintext = utf8(JSON.stringify({ version, identities, signing_key: toHex(signingSeed) }));
  const sealed = box(keyringKey, plaintext);
  wipe(plaintext);
  return sealed;
}

/** The keyring in a box; `OldKeyring` if it is older than the newest version this client has seen. */
export async function openKeyring(keyringKey, sealed, seenVersion = 0) {
  if (sealed.length > MAX_KEYRING_SIZE) throw new CannotOpen();
  const plaintext = unbox(keyringKey, sealed);
  const keyring = parse(plaintext);
  wipe(plaintext);
  if (keyring.version < seenVersion) throw new OldKeyring(keyring.version, seenVersion);
  try {
    await identityToRecipient(keyring.identities[0]);
  } catch {
    throw new CannotOpen();
  }
  return keyring;
}

function parse(plaintext) {
  let keyring;
  try {
    const { version, identities, signing_key: seed } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plaintext));
    keyring = { version, identities, signingSeed: fromHex(seed) };
  } catch {
    throw new CannotOpen();
  }
  const { version, identities, signingSeed } = keyring;
  const sound = Array.isArray(identities) && identities.length > 0 && identities.every((one) => IDENTITY.test(one));
  if (!Number.isSafeInteger(version) || version < 1 || !sound || signingSeed.length !== KEY_SIZE) throw new CannotOpen();
  return keyring;
}
