// The sealed format written from docs/sealed-format.md with other people's libraries: an independent second reader.
// Development only. Used by vectors.mjs (published vectors) and exchange.mjs (files to and from Python).

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bech32 } from "@scure/base";
import * as age from "age-encryption";
import { decompress } from "fzstd";
import { argon2id } from "hash-wasm";

const utf8 = new TextEncoder();

export const fromBase64 = (text) => new Uint8Array(Buffer.from(text, "base64"));
export const toBase64 = (bytes) => Buffer.from(bytes).toString("base64");
export const fromHex = (text) => new Uint8Array(Buffer.from(text, "hex"));
export const toHex = (bytes) => Buffer.from(bytes).toString("hex");

export const derive = (key, info, salt = undefined) => hkdf(sha256, key, salt, utf8.encode(info), 32);

/** The age plaintext of a file: for a message, its compressed and padded body. */
export async function openAge(identities, file) {
  const decrypter = new age.Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  return decrypter.decrypt(file);
}

/** The file key of a header; an identity that is tried first and asked for nothing else. */
export async function openFileKey(identities, header) {
  const decrypter = new age.Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  return decrypter.decryptHeader(header);
}

/** The summary in a header whose file key is known, as a JSON value. */
export function openSummary(header, fileKey) {
  const lines = Buffer.from(header).toString("ascii").split("\n");
  const starts = lines.flatMap((line, place) => (line.startsWith("-> skerry/summary ") ? [place] : []));
  if (starts.length !== 1) throw new Error("a header has exactly one summary");
  const nonce = fromBase64(lines[starts[0]].split(" ")[2]);
  let end = starts[0] + 1;
  while (lines[end].length === 64) end += 1;
  const body = fromBase64(lines.slice(starts[0] + 1, end + 1).join(""));
  const key = derive(fileKey, "skerry.summary.v1", nonce);
  return JSON.parse(new TextDecoder().decode(chacha20poly1305(key, new Uint8Array(12)).decrypt(body)));
}

export const openBody = (body) => decompress(body);

/** A sealed message made in JavaScript; the body's frame is given, since no npm compressor is needed elsewhere. */
export async function seal(recipient, body, summary) {
  const encrypter = new age.Encrypter();
  encrypter.addRecipient(recipient);
  encrypter.addRecipient({
    wrapFileKey(fileKey) {
      const nonce = crypto.getRandomValues(new Uint8Array(16));
      const text = utf8.encode(JSON.stringify(summary));
      const padded = new Uint8Array(Math.ceil(text.length / 256) * 256).fill(0x20);
      padded.set(text);
      const key = derive(fileKey, "skerry.summary.v1", nonce);
      const stanza = new age.Stanza(
        ["skerry/summary", toBase64(nonce).replaceAll("=", "")],
        chacha20poly1305(key, new Uint8Array(12)).encrypt(padded),
      );
      return [stanza];
    },
  });
  return encrypter.encrypt(body);
}

/** The two keys of an account password. */
function slowRoot(password, salt, parameters) {
  const [, memory, passes] = /^argon2id,m=(\d+),t=(\d+),p=1$/.exec(parameters);
  return argon2id({
    password: password.replace(/\p{Zs}/gu, " ").normalize("NFC"),
    salt,
    memorySize: Number(memory),
    iterations: Number(passes),
    parallelism: 1,
    hashLength: 32,
    outputType: "binary",
  });
}

export async function passwordKeys(password, salt, parameters) {
  const root = await slowRoot(password, salt, parameters);
  return { authKey: derive(root, "skerry.auth.v1"), wrapKey: derive(root, "skerry.wrap.v1") };
}

/** A secret key's text of its 32 bytes. */
export const secretText = (seed) => bech32.encode("age-secret-key-pq-", bech32.toWords(seed), false).toUpperCase();

/** What a secure link's words give: a key to send, and an identity. */
export async function linkKeys(words, salt, parameters) {
  const root = await slowRoot(words, salt, parameters);
  return { authKey: derive(root, "skerry.link.auth.v1"), identity: secretText(derive(root, "skerry.link.identity.v1")) };
}

/** A wrap or a keyring: version byte, 24-byte nonce, XSalsa20-Poly1305. */
export function unbox(key, box) {
  if (box[0] !== 1) throw new Error("unknown version of a box");
  return xsalsa20poly1305(key, box.subarray(1, 25)).decrypt(box.subarray(25));
}

export function box(key, nonce, plaintext) {
  return Uint8Array.from([1, ...nonce, ...xsalsa20poly1305(key, nonce).encrypt(plaintext)]);
}

// An index segment, read from the page's description.
export function openSegment(seed, place, box) {
  if (box[0] !== 1) throw new Error("unknown version");
  const key = derive(seed, ["skerry.index.v1", ...place].join("\n"), box.subarray(1, 17));
  const plain = Buffer.from(chacha20poly1305(key, new Uint8Array(12)).decrypt(box.subarray(17)));
  let at = 0;
  const take = (size) => plain.subarray(at, (at += size));
  const count = take(4).readUInt32LE();
  const column = (size, read) => Array.from({ length: count }, () => read(take(size)));
  const long = (bytes) => Number(bytes.readBigInt64LE());
  const columns = {
    uid: column(4, (bytes) => bytes.readUInt32LE()),
    internaldate: column(8, long),
    saved: column(8, long),
    size: column(8, long),
    file_key: column(16, (bytes) => bytes.toString("hex")),
  };
  const texts = ["email_id", "envelope", "body", "bodystructure", "preview", "references"];
  const lengths = texts.map(() => column(4, (bytes) => bytes.readUInt32LE()));
  texts.forEach((name, which) => {
    columns[name] = lengths[which].map((size) => (size === 0xffffffff ? null : take(size).toString("utf8")));
  });
  if (plain.subarray(at).some((byte) => byte !== 0)) throw new Error("rubbish behind the columns");
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[row]])),
  );
}
