// Checks the published vectors with independent libraries: `node vectors.mjs ../vectors/sealed`.
// Prints one line of JSON with how many were checked; exits 1 at the first that disagrees.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { blake2b } from "@noble/hashes/blake2.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { identityToRecipient } from "age-encryption";

import * as sealed from "./sealed.mjs";

const { fromBase64, fromHex, toHex } = sealed;
const folder = process.argv[2];
const utf8 = new TextEncoder();
const checked = {};

async function each(name, check) {
  const { vectors } = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  for (const vector of vectors) await check(vector);
  checked[name] = vectors.length;
}

const concat = (...parts) => new Uint8Array(Buffer.concat(parts));
const keyed = (key, data, person) =>
  toHex(blake2b(data, { key, dkLen: 32, personalization: concat(utf8.encode(person), new Uint8Array(16)).subarray(0, 16) }));

await each("keys", async ({ identity, recipient }) => {
  assert.equal(await identityToRecipient(identity), recipient);
});

await each("messages", async (vector) => {
  const header = fromBase64(vector.header);
  const fileKey = await sealed.openFileKey(vector.identities, header);
  assert.equal(toHex(fileKey), vector.file_key);
  assert.deepEqual(sealed.openSummary(header, fileKey), vector.summary);
  const body = await sealed.openAge(vector.identities, concat(header, fromBase64(vector.payload)));
  const message = sealed.openBody(body);
  assert.equal(message.length, vector.message_size);
  assert.equal(createHash("sha256").update(message).digest("hex"), vector.message_sha256);
});

await each("refused", async (vector) => {
  const file = fromBase64(vector.file);
  if (vector.layer === "age") await assert.rejects(sealed.openAge([vector.identity], file), vector.name);
  else await sealed.openAge([vector.identity], file);
  if (vector.layer === "summary") {
    const fileKey = await sealed.openFileKey([vector.identity], file);
    assert.throws(() => sealed.openSummary(file, fileKey), vector.name);
  }
});

await each("passwords", async (vector) => {
  const { authKey, wrapKey } = await sealed.passwordKeys(vector.password, fromHex(vector.salt), vector.parameters);
  assert.equal(toHex(authKey), vector.auth_key);
  assert.equal(toHex(wrapKey), vector.wrap_key);
  const serverKey = fromHex(vector.server_key);
  assert.equal(keyed(serverKey, authKey, "skerry.auth.v1"), vector.auth_verifier);
  const salt = keyed(serverKey, utf8.encode("ada@example.is"), "skerry.salt.v1").slice(0, 32);
  assert.equal(salt, vector.fake_salt_of_ada_example_is);
});

await each("phrases", ({ secret, phrase, wrap_key }) => {
  assert.equal(entropyToMnemonic(fromHex(secret), wordlist), phrase);
  assert.equal(toHex(mnemonicToEntropy(phrase, wordlist)), secret);
  assert.equal(toHex(sealed.derive(fromHex(secret), "skerry.recovery.v1")), wrap_key);
});

await each("app-passwords", (vector) => {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  const bits = [...vector.app_password.replaceAll("-", "")].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0"));
  const secret = BigInt(`0b${bits.join("").slice(0, 128)}`).toString(16).padStart(32, "0");
  assert.equal(secret, vector.secret);
  assert.equal(toHex(sealed.derive(fromHex(secret), "skerry.app.v1")), vector.wrap_key);
  assert.equal(keyed(fromHex(vector.server_key), fromHex(secret), "skerry.app.v1"), vector.hash);
});

await each("links", async (vector) => {
  const spelled = vector.typed.toLowerCase().split(/[\s.,-]+/).filter(Boolean).join(" ");
  assert.equal(spelled, vector.words);
  const { authKey, identity } = await sealed.linkKeys(spelled, fromHex(vector.salt), vector.parameters);
  assert.equal(toHex(authKey), vector.auth_key);
  assert.equal(identity, vector.identity);
  const serverKey = fromHex(vector.server_key);
  assert.equal(keyed(serverKey, authKey, "skerry.link.au.1"), vector.verifier);
  assert.equal(keyed(serverKey, utf8.encode(vector.token), "skerry.link.to.1").slice(0, 32), vector.token_digest);
  const body = await sealed.openAge([identity], fromBase64(vector.file));
  assert.equal(Buffer.from(sealed.openBody(body)).toString("base64"), vector.message);
  assert.equal(sealed.secretText(sealed.derive(authKey, "skerry.link.record.v1")), vector.record_identity);
  const record = await sealed.openAge([vector.record_identity], fromBase64(vector.record));
  assert.equal(Buffer.from(record).toString("base64"), vector.record_plaintext);
});

await each("keyrings", async (vector) => {
  const keyringKey = sealed.unbox(fromHex(vector.wrap_key), fromBase64(vector.wrap));
  assert.equal(toHex(keyringKey), vector.keyring_key);
  const keyring = JSON.parse(Buffer.from(sealed.unbox(keyringKey, fromBase64(vector.box))).toString());
  assert.deepEqual(keyring, {
    version: vector.version,
    identities: vector.identities,
    signing_key: vector.signing_seed,
  });
  assert.equal(toHex(ed25519.getPublicKey(fromHex(vector.signing_seed))), vector.verify_key);
  const opened = await sealed.openAge([vector.tenant_identity], fromBase64(vector.tenant_wrap));
  assert.equal(toHex(opened), vector.keyring_key);
});

await each("records", async ({ identity, file, plaintext }) => {
  assert.equal(Buffer.from(await sealed.openAge([identity], fromBase64(file))).toString("base64"), plaintext);
});

await each("segments", async ({ seed, folder, uidvalidity, number, box, entries }) => {
  assert.deepEqual(sealed.openSegment(fromHex(seed), [folder, uidvalidity, number], fromBase64(box)), entries);
  assert.throws(() => sealed.openSegment(fromHex(seed), [folder, uidvalidity, number + 1], fromBase64(box)));
});

console.log(JSON.stringify(checked));
