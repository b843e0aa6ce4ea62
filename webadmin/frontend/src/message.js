// Opening a sealed message: an age file whose plaintext is zstd frames, and a summary in its header.
//
// The limits are those of docs/sealed-format.md, "Limits of a reader"; each is checked before memory is spent. The
// one error is `CannotOpen`.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { Decrypter } from "age-encryption";
import { Decompress } from "fzstd";

import { concat, derive, fromBase64 } from "./bytes.js";
import { CannotOpen } from "./errors.js";

export const MAX_MESSAGE_SIZE = 64 * 1024 * 1024;
const MAX_HEADER_SIZE = 65536;
const MAX_STANZAS = 64;
const MAX_SUMMARY_SIZE = 16 * 1024;
const MAX_FRAMES = 1024;
const MAX_BLOCKS = 262144;
const MAX_WINDOW = 8 * 1024 * 1024;

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const RLE_BLOCK = 1;

/** Run a step of somebody else's parser; whatever it objects to is the same to our caller. */
async function opening(step) {
  try {
    return await step();
  } catch {
    throw new CannotOpen();
  }
}

/** `{message, summary}`; the summary is null where the file has none, as one made with the `age` program. */
export function openFile(identities, file, maxSize = MAX_MESSAGE_SIZE) {
  return opening(async () => {
    const stanzas = summaryStanzas(headerLines(file));
    const decrypter = opener(identities);
    const body = await decrypter.decrypt(file);
    const summary = stanzas.length ? openSummary(await decrypter.decryptHeader(file), stanzas) : null;
    return { message: openBody(body, maxSize), summary };
  });
}

/** The summary of a stored header, for a line in a list; a header without one does not open. */
export function openHeader(identities, header) {
  return opening(async () => openSummary(await opener(identities).decryptHeader(header), summaryStanzas(headerLines(header))));
}

function opener(identities) {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  return decrypter;
}

function headerLines(file) {
  const text = String.fromCharCode(...file.subarray(0, 32768), ...file.subarray(32768, MAX_HEADER_SIZE));
  const end = text.indexOf("\n---");
  const lines = text.slice(0, end).split("\n");
  if (end < 0 || lines.filter((line) => line.startsWith("-> ")).length > MAX_STANZAS) throw new CannotOpen();
  return lines;
}

/** Each `skerry/summary` stanza as its nonce and body. */
function summaryStanzas(lines) {
  const found = [];
  for (const [place, line] of lines.entries()) {
    const [, name, nonce, ...rest] = line.split(" ");
    if (!line.startsWith("-> ") || name !== "skerry/summary") continue;
    if (nonce === undefined || rest.length) throw new CannotOpen();
    let end = place + 1;
    while (lines[end]?.length === 64) end += 1;
    found.push({ nonce: fromBase64(nonce), body: fromBase64(lines.slice(place + 1, end + 1).join("")) });
  }
  return found;
}

function openSummary(fileKey, stanzas) {
  if (stanzas.length !== 1 || stanzas[0].nonce.length !== 16) throw new CannotOpen();
  const key = derive(fileKey, "skerry.summary.v1", stanzas[0].nonce);
  const padded = chacha20poly1305(key, new Uint8Array(12)).decrypt(stanzas[0].body);
  if (padded.length > MAX_SUMMARY_SIZE) throw new CannotOpen();
  const summary = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(padded));
  if (summary === null || Array.isArray(summary) || !Number.isInteger(summary.size) || !Number.isInteger(summary.internaldate)) {
    throw new CannotOpen();
  }
  return summary;
}

/** The message in the body's frames (RFC 8878), if it has at most `room` bytes. */
export function openBody(body, room) {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const found = [];
  let [place, blocks] = [0, 0];
  for (let frames = 0; place < body.length; frames += 1) {
    if (frames === MAX_FRAMES) throw new CannotOpen();
    const magic = view.getUint32(place, true);
    // RFC 8878 §3.1.2: sixteen magic numbers mark a frame to be skipped.
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      place += 8 + view.getUint32(place + 4, true);
      continue;
    }
    if (magic !== FRAME_MAGIC) throw new CannotOpen();
    const frame = frameEnd(view, place, blocks);
    blocks = frame.blocks;
    const content = decompress(body.subarray(place, frame.end), room);
    room -= content.length;
    found.push(content);
    place = frame.end;
  }
  if (place !== body.length || !found.length) throw new CannotOpen();
  return concat(...found);
}

/** Where a frame ends (RFC 8878 §3.1.1), once its window is one that every decoder supports. */
function frameEnd(view, start, blocks) {
  const descriptor = view.getUint8(start + 4);
  const single = (descriptor >> 5) & 1;
  const contentField = [single, 2, 4, 8][descriptor >> 6];
  const windowAt = start + 5;
  const contentAt = windowAt + 1 - single + [0, 1, 2, 4][descriptor & 3];
  if (descriptor & 3 || windowSize(view, { single, windowAt, contentAt, contentField }) > (single ? MAX_MESSAGE_SIZE : MAX_WINDOW)) throw new CannotOpen();
  let place = contentAt + contentField;
  for (let last = false; !last; ) {
    blocks += 1;
    if (blocks > MAX_BLOCKS) throw new CannotOpen();
    const block = view.getUint16(place, true) | (view.getUint8(place + 2) << 16);
    last = (block & 1) === 1;
    place += 3 + (((block >> 1) & 3) === RLE_BLOCK ? 1 : block >> 3);
  }
  return { end: place + (descriptor & 4 ? 4 : 0), blocks };
}

/** RFC 8878 §3.1.1.1.2: the window descriptor's, or the whole content where the frame is a single segment. */
function windowSize(view, { single, windowAt, contentAt, contentField }) {
  if (!single) {
    const byte = view.getUint8(windowAt);
    const base = 2 ** (10 + (byte >> 3));
    return base + (base / 8) * (byte & 7);
  }
  if (contentField === 1) return view.getUint8(contentAt);
  if (contentField === 2) return view.getUint16(contentAt, true) + 256;
  return contentField === 4 ? view.getUint32(contentAt, true) : Number(view.getBigUint64(contentAt, true));
}

/** One frame's content; stops as soon as it has more than `room` bytes. */
function decompress(frame, room) {
  const pieces = [];
  let ended = false;
  const stream = new Decompress((piece, last) => {
    room -= piece.length;
    if (room < 0) throw new CannotOpen();
    // fzstd goes on using the array it hands out.
    pieces.push(piece.slice());
    ended ||= last;
  });
  stream.push(frame, true);
  if (!ended) throw new CannotOpen();
  return concat(...pieces);
}
