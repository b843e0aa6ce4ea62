// App passwords: what a mail program types instead of the account password. 128 random bits in groups of [a-z2-7].

import { derive, random } from "./bytes.js";

const SECRET_SIZE = 16;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const GROUPS = /^(.{5})(.{5})(.{5})(.{5})(.{6})$/;

export const newSecret = () => random(SECRET_SIZE);

/** `xxxxx-xxxxx-xxxxx-xxxxx-xxxxxx` for 16 secret bytes (RFC 4648 §6 in lower case, without padding). */
export function appPasswordText(secret) {
  let [letters, bits, held] = ["", 0, 0];
  for (const byte of secret) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      letters += ALPHABET[(bits >> held) & 31];
    }
    bits &= (1 << held) - 1;
  }
  letters += ALPHABET[(bits << (5 - held)) & 31];
  return GROUPS.exec(letters).slice(1).join("-");
}

export const appPasswordWrapKey = (secret) => derive(secret, "skerry.app.v1");
