// A secure link in its reader's browser: words in, a message out (docs/sealed-format.md, "Secure links").
//
//   deriveLinkKeys(words, salt, parameters) -> LinkKeys     authKey is sent; the identity stays in a private field
//   openLink(keys, file)                    -> the message's bytes
//   readMessage(bytes)                      -> {subject, from, to, date, text, fromHtml, attachments}
//
// Text is text: HTML is taken apart by the browser's parser, in a document of its own that loads and runs nothing, and
// only its words are kept. Nothing here touches the page, a cookie, storage, the network or a log.

import { bech32 } from "@scure/base";
import PostalMime from "postal-mime";

import { derive, fromBase64, utf8, wipe } from "./bytes.js";
import { CannotOpen, InvalidKey } from "./errors.js";
import { openFile } from "./message.js";
import { deriveRoot, serveAsWorker } from "./password.js";

export { CannotOpen, InvalidKey, WeakParameters } from "./errors.js";

// Parts nested deeper, or headers larger, than any mail program writes.
const MAX_NESTING = 50;
const MAX_HEADERS = 256 * 1024;
// Elements after which a reader expects a new line, and those whose words are not for readers.
const BLOCKS = "p, div, br, li, tr, h1, h2, h3, h4, h5, h6, blockquote, pre, table, hr";
const UNSEEN = "script, style, head, title, template, noscript";

/** The one spelling of the words, whatever somebody types between them (mailhost/seal/link.py::spelled). */
export const spelled = (words) => words.toLowerCase().split(/[\s.,-]+/u).filter(Boolean).join(" ");

let identityOf;

/** What the words give. */
export class LinkKeys {
  #seed;

  static {
    identityOf = (keys) => bech32.encode("age-secret-key-pq-", bech32.toWords(keys.#seed), false).toUpperCase();
  }

  constructor(root) {
    this.authKey = derive(root, "skerry.link.auth.v1");
    this.#seed = derive(root, "skerry.link.identity.v1");
  }
}

/** The slow step. `InvalidKey` where no words were typed. */
export async function deriveLinkKeys(words, salt, parameters) {
  const typed = spelled(words);
  if (!typed) throw new InvalidKey("type the words first");
  const root = await deriveRoot(typed, typeof salt === "string" ? fromBase64(salt) : salt, parameters);
  const keys = new LinkKeys(root);
  wipe(root);
  return keys;
}

export async function openLink(keys, file) {
  return (await openFile([identityOf(keys)], file)).message;
}

export async function readMessage(bytes) {
  let mail;
  try {
    mail = await PostalMime.parse(bytes, { maxNestingDepth: MAX_NESTING, maxHeadersSize: MAX_HEADERS });
  } catch {
    // What is no MIME is still somebody's text.
    return { subject: "", from: "", to: "", date: "", text: new TextDecoder().decode(bytes), fromHtml: false, attachments: [] };
  }
  const text = mail.text?.trim() ? mail.text : "";
  return {
    subject: mail.subject ?? "",
    from: people(mail.from ? [mail.from] : []),
    to: people([...(mail.to ?? []), ...(mail.cc ?? [])]),
    date: mail.date ?? "",
    text: text || wordsOf(mail.html ?? ""),
    fromHtml: !text && Boolean(mail.html),
    attachments: mail.attachments.map((one, place) => ({ name: fileName(one, place), content: bytesOf(one.content) })),
  };
}

const bytesOf = (content) => (typeof content === "string" ? utf8(content) : new Uint8Array(content));

function people(list) {
  return list
    .flatMap((one) => one.group ?? [one])
    .map(({ name, address }) => (name && name !== address ? `${name} <${address}>` : address))
    .filter(Boolean)
    .join(", ");
}

/** A name that is no path and turns no letters round. */
function fileName({ filename, mimeType }, place) {
  const clean = (filename ?? "").replace(/[\p{Cc}\p{Cf}/\\]/gu, "").trim().slice(0, 100);
  return clean || `${place + 1}.${/^message\//.test(mimeType ?? "") ? "eml" : "bin"}`;
}

/** The words of HTML with its lines; the document is never shown, so it loads nothing. */
function wordsOf(html) {
  if (!html || typeof DOMParser === "undefined") return "";
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const element of page.querySelectorAll(UNSEEN)) element.remove();
  for (const element of page.querySelectorAll(BLOCKS)) element.before("\n");
  for (const link of page.querySelectorAll("a[href^='http']")) {
    if (!link.textContent.includes(link.getAttribute("href"))) link.append(` <${link.getAttribute("href")}>`);
  }
  return page.body.textContent.replace(/[ \t]+/g, " ").replace(/ ?\n ?/g, "\n").replace(/\n{3,}/g, "\n\n").trim();
}

serveAsWorker();
