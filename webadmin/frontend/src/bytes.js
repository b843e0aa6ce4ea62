// Bytes to text and back, randomness, the one key derivation of the house, and erasing.

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

const encoder = new TextEncoder();

export const utf8 = (text) => encoder.encode(text);

export const random = (size) => crypto.getRandomValues(new Uint8Array(size));

export function toBase64(bytes) {
  // In slices, since the arguments of one call are limited.
  let text = "";
  for (let place = 0; place < bytes.length; place += 8192) {
    text += String.fromCharCode(...bytes.subarray(place, place + 8192));
  }
  return btoa(text);
}

export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export function fromHex(text) {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new RangeError("this is not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

/** HKDF-SHA256 (RFC 5869) of 32 bytes; the salt is empty but for the summary's. */
export const derive = (key, info, salt = undefined) => hkdf(sha256, key, salt, utf8(info), 32);

/** Overwrites what can be overwritten. JavaScript may hold copies nobody can reach; they end with the page. */
export function wipe(...arrays) {
  for (const array of arrays) array.fill(0);
}
