// The recovery phrase: 24 words on paper that open the mailbox when the password is forgotten.
//
// BIP-39, English list: 256 random bits and 8 bits of checksum. Only the words are BIP-39; the key is derived by
// HKDF. A mistake is `InvalidKey`, which says which word to look at and which words of the list come near it.

import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";

import { derive, random } from "./bytes.js";
import { InvalidKey } from "./errors.js";

export const WORDS = 24;
const SECRET_SIZE = 32;
// 24 words of at most eight letters, and room for line breaks; what is longer is not a phrase.
const MAX_TYPED_LENGTH = 1000;
// What Python's str.split() takes for a space, so that both sides read the same sheet of paper alike.
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
const SUGGESTED_WORDS = 6;

/** A fresh secret of 32 bytes and its 24 words, shown once. */
export function newPhrase() {
  const secret = random(SECRET_SIZE);
  return { secret, words: entropyToMnemonic(secret, wordlist).split(" ") };
}

/** The 32 secret bytes of a typed phrase, in any case and spacing. */
export function parsePhrase(text) {
  if (text.length > MAX_TYPED_LENGTH) throw new InvalidKey(`a recovery phrase has ${WORDS} words, this text is much longer`);
  const words = text.toLowerCase().split(SPACES).filter(Boolean);
  for (const [place, word] of words.entries()) {
    if (!wordlist.includes(word)) {
      const near = nearest(word);
      const hint = near.length ? `; near it are: ${near.join(", ")}` : "";
      throw new InvalidKey(`word ${place + 1} is not in the list of recovery words${hint}`);
    }
  }
  if (words.length !== WORDS) throw new InvalidKey(`a recovery phrase has ${WORDS} words, this one has ${words.length}`);
  try {
    return mnemonicToEntropy(words.join(" "), wordlist);
  } catch {
    throw new InvalidKey(
      "every word is in the list, but together they are not a recovery phrase: " +
        "compare each word and the order with the paper",
    );
  }
}

export const phraseWrapKey = (secret) => derive(secret, "skerry.recovery.v1");

/** Six words of the list, drawn evenly: 66 bits, a good account password for who wants one made. */
export function suggestPassphrase() {
  // 2,048 words, so eleven bits of a uniform sixteen are uniform.
  const draws = crypto.getRandomValues(new Uint16Array(SUGGESTED_WORDS));
  return Array.from(draws, (draw) => wordlist[draw & 2047]).join(" ");
}

/** At most three words of the list, nearest first, that differ from the typed one in at most two letters. */
function nearest(typed) {
  if (typed.length > 12) return [];
  const rated = wordlist.map((word) => [distance(typed, word), word]).filter(([far]) => far <= 2);
  return rated.sort(([a], [b]) => a - b).slice(0, 3).map(([, word]) => word);
}

function distance(left, right) {
  let row = Array.from({ length: right.length + 1 }, (_, place) => place);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[right.length];
}
