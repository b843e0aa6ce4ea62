// Proof of work for a signup (webadmin/signup/work.py): counters whose hashes begin with enough zero bits.
//
//   solve(challenge, onProgress) -> "12,7,…"   the counters of sixteen parts, found in a worker; progress from 0 to 1
//
// Many small parts instead of one great one make the time about the same for everybody.

import { sha256 } from "@noble/hashes/sha2.js";

import { utf8 } from "./bytes.js";

const PARTS = 16;
const PARTS_BITS = 4;
const WORKER = "proof-of-work";

function solvePart(challenge, part, bits) {
  const zeros = Math.max(0, bits - PARTS_BITS);
  for (let counter = 0; ; counter += 1) {
    const digest = sha256(utf8(`${challenge}.${part}.${counter}`));
    const top = ((digest[0] << 24) | (digest[1] << 16) | (digest[2] << 8) | digest[3]) >>> 0;
    if (zeros === 0 || top >>> (32 - zeros) === 0) return counter;
  }
}

function* solutions(challenge) {
  const bits = Number(challenge.split(".")[1]);
  for (let part = 0; part < PARTS; part += 1) yield solvePart(challenge, part, bits);
}

export function solve(challenge, onProgress = () => {}) {
  if (typeof Worker === "undefined" || typeof document === "undefined") return Promise.resolve([...solutions(challenge)].join(","));
  return new Promise((resolve, reject) => {
    const worker = new Worker(import.meta.url, { type: "module", name: WORKER });
    worker.onmessage = ({ data }) => {
      onProgress(data.length / PARTS);
      if (data.length < PARTS) return;
      worker.terminate();
      resolve(data.join(","));
    };
    worker.onerror = () => {
      worker.terminate();
      reject(new Error("this browser did not start the background computation"));
    };
    worker.postMessage(challenge);
  });
}

if (typeof DedicatedWorkerGlobalScope !== "undefined" && self instanceof DedicatedWorkerGlobalScope && self.name === WORKER) {
  self.onmessage = ({ data }) => {
    const found = [];
    for (const counter of solutions(data)) {
      found.push(counter);
      self.postMessage(found);
    }
  };
}
