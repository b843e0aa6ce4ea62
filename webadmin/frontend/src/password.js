// The account password: one slow derivation, two keys, of which the server sees one (docs/sealed-format.md).
//
// root = Argon2id(password, salt) (RFC 9106); by HKDF the auth key, which is sent to sign in, and the wrap key,
// which stays inside a `PasswordKeys` and opens the keyring key. Argon2id runs in a worker, so that the page goes
// on breathing, and so that only the worker, never the page, needs leave to compile WebAssembly.

import { argon2id } from "hash-wasm";

import { derive, fromBase64, random, utf8, wipe } from "./bytes.js";
import { CannotOpen, InvalidKey, WeakParameters } from "./errors.js";
import { unwrapKeyringKey, wrapKeyringKey } from "./keyring.js";

export const DEFAULT_PARAMETERS = "argon2id,m=65536,t=3,p=1";
// No account was ever made with less, so a server that names less is not to be trusted with the password.
const FLOOR = { memory: 64 * 1024, passes: 3 };
// And one that names this much more would only freeze the browser.
const CEILING = { memory: 1024 * 1024, passes: 16 };
const SALT_SIZE = 16;
const MAX_LENGTH = 1024;
// Of a new password; the server never sees it, so only the page can insist.
const LEAST = { length: 12, different: 6 };
const LAZY = /^(.{1,4})\1+$|0123|1234|abcd|qwer|asdf|passw/isu;

/** Memory in KiB and passes of what a server names; `WeakParameters` outside floor and ceiling. */
export function parseParameters(text) {
  const found = /^argon2id,m=([1-9][0-9]{0,7}),t=([1-9][0-9]{0,3}),p=1$/.exec(text);
  if (found === null) throw new WeakParameters(`the parameters are not of the form ${DEFAULT_PARAMETERS}`);
  const [memory, passes] = [Number(found[1]), Number(found[2])];
  if (memory < FLOOR.memory || passes < FLOOR.passes) {
    throw new WeakParameters(
      `Argon2id with ${memory} KiB and ${passes} passes is too weak; at least ${FLOOR.memory} KiB and ` +
        `${FLOOR.passes} passes are needed. Do not type the password here.`,
    );
  }
  if (memory > CEILING.memory || passes > CEILING.passes) {
    throw new WeakParameters(
      `Argon2id with ${memory} KiB and ${passes} passes would freeze this machine; at most ` +
        `${CEILING.memory} KiB and ${CEILING.passes} passes are accepted.`,
    );
  }
  return { memory, passes };
}

/** The bytes that are hashed: RFC 8265 §4.2 in short, so that two keyboards that type the same text agree. */
export function normalizePassword(password) {
  const length = [...password].length;
  if (length < 1 || length > MAX_LENGTH) throw new InvalidKey(`a password has from 1 to ${MAX_LENGTH} characters`);
  if (/\p{Surrogate}/u.test(password)) throw new InvalidKey("the password holds half of a character; type it again");
  return utf8(password.replace(/\p{Zs}/gu, " ").normalize("NFC"));
}

/** Whether a new password is refused: mailhost/seal/password.py::is_easy. */
export function isEasy(password) {
  const few = new Set(password.toLowerCase()).size < LEAST.different;
  return [...password].length < LEAST.length || few || LAZY.test(password);
}

/** The keyring key under a password's wrap key, and back; for keys.js, which does not pass them on. */
export let wrapWith;
export let unwrapWith;

/** What one password gives. `authKey` (32 bytes) signs in; the wrap key cannot be read out. */
export class PasswordKeys {
  #wrapKey;

  static {
    wrapWith = (keys, keyringKey) => wrapKeyringKey(keys.#wrapKey, keyringKey);
    unwrapWith = (keys, wrap) => unwrapKeyringKey(keys.#wrapKey, wrap);
  }

  constructor(root) {
    this.authKey = derive(root, "skerry.auth.v1");
    this.#wrapKey = derive(root, "skerry.wrap.v1");
  }

  wipe() {
    wipe(this.authKey, this.#wrapKey);
  }
}

/** The slow step, a second at most: `salt` is 16 bytes or base64, `parameters` what the server names. */
export async function deriveAuthKey(password, salt, parameters = DEFAULT_PARAMETERS) {
  const root = await deriveRoot(password, typeof salt === "string" ? fromBase64(salt) : salt, parameters);
  const keys = new PasswordKeys(root);
  wipe(root);
  return keys;
}

/** The 32 bytes that everything else is derived from. */
export function deriveRoot(password, salt, parameters) {
  const cost = parseParameters(parameters);
  if (salt.length !== SALT_SIZE) throw new CannotOpen();
  return slowRoot({ password: normalizePassword(password), salt, ...cost });
}

export const newSalt = () => random(SALT_SIZE);

const hash = ({ password, salt, memory, passes }) =>
  argon2id({ password, salt, memorySize: memory, iterations: passes, parallelism: 1, hashLength: 32, outputType: "binary" });

function slowRoot(task) {
  // Node, where the tests run these lines, has no Worker of the web.
  if (typeof Worker === "undefined" || typeof document === "undefined") return hash(task).finally(() => wipe(task.password));
  return new Promise((resolve, reject) => {
    const worker = new Worker(import.meta.url, { type: "module", name: "argon2id" });
    const settle = (act, value) => {
      worker.terminate();
      act(value);
    };
    worker.onmessage = ({ data }) =>
      data.root ? settle(resolve, data.root) : settle(reject, new Error("this browser could not run Argon2id: it needs 64 MiB of memory and WebAssembly"));
    worker.onerror = () => settle(reject, new Error("this browser did not start the background computation"));
    // The password's bytes move into the worker; this side keeps no copy.
    worker.postMessage(task, [task.password.buffer]);
  });
}

/** Called once by the bundle: in a worker of our own name it answers one task and nothing else. */
export function serveAsWorker() {
  if (typeof DedicatedWorkerGlobalScope === "undefined" || !(self instanceof DedicatedWorkerGlobalScope) || self.name !== "argon2id") return;
  self.onmessage = async ({ data }) => {
    try {
      const root = await hash(data);
      self.postMessage({ root }, [root.buffer]);
    } catch {
      self.postMessage({ root: null });
    } finally {
      wipe(data.password);
    }
  };
}
