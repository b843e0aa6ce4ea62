// Drives a bundle of keys.js for the Python tests: `node keys.mjs BUNDLE`, a JSON list of tasks in each line on stdin, a
// JSON list of answers in each line on stdout. A task {"do", …} that is refused is answered with {"error", "message"}.

import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

// A browser asks the page whether a script is a module, Node asks its name.
const folder = mkdtempSync(join(tmpdir(), "keys-"));
copyFileSync(process.argv[2], join(folder, "keys.mjs"));
const keys = await import(join(folder, "keys.mjs"));
rmSync(folder, { recursive: true });

const hex = (bytes) => Buffer.from(bytes).toString("hex");

// The slow step once for each password and salt; a hundred tasks of one account would take a minute otherwise.
const derived = new Map();
function passwordKeys({ password, salt, parameters }) {
  const name = JSON.stringify([password, salt, parameters]);
  if (!derived.has(name)) derived.set(name, keys.deriveAuthKey(password, salt, parameters));
  return derived.get(name);
}

async function unlock(task) {
  if (task.words) return (await keys.recover(task.stored, task.words, task.newPassword)).unlocked;
  return keys.unlockKeyring(task.stored, await passwordKeys(task));
}

const doers = {
  async derive({ password, salt, parameters }) {
    return { authKey: hex((await keys.deriveAuthKey(password, salt, parameters)).authKey) };
  },
  normalize: ({ password }) => ({ bytes: hex(keys.normalizePassword(password)) }),
  easy: ({ password }) => ({ easy: keys.isEasy(password) }),
  parsePhrase: ({ text }) => ({ secret: hex(keys.parsePhrase(text)) }),
  async make({ password, ...options }) {
    const { form, publicIdentity, authKey, recoveryWords } = await keys.makeAccount(password, options);
    return { form, publicIdentity, authKey, recoveryWords };
  },
  async open(task) {
    const unlocked = await unlock(task);
    return {
      publicIdentity: unlocked.publicIdentity,
      version: unlocked.version,
      signingKey: hex(unlocked.signingKey),
      secrets: keys.exportSecretKeys(unlocked),
    };
  },
  async message(task) {
    const { message, summary } = await keys.openMessage(await unlock(task), task.file, task.maxSize);
    return { message: keys.toBase64(message), summary };
  },
  async summary(task) {
    return { summary: await keys.openSummary(await unlock(task), task.header) };
  },
  async recover({ stored, words, newPassword }) {
    return { form: (await keys.recover(stored, words, newPassword)).form };
  },
  async rewrap(task) {
    return { form: await keys.rewrap(await unlock(task), task.newPassword) };
  },
  async newPhrase(task) {
    return keys.newRecoveryPhrase(await unlock(task));
  },
  async appPassword(task) {
    return keys.makeAppPassword(await unlock(task), task.access);
  },
  async rotate(task) {
    return { form: (await keys.addIdentity(await unlock(task), task.logged)).form };
  },
  async compromise(task) {
    const { form, recoveryWords } = await keys.afterCompromise(await unlock(task), task.newPassword, task.options);
    return { form, recoveryWords };
  },
  async tenant(task) {
    return { wrap: await keys.sealToTenantRecoveryKey(await unlock(task), task.recipient) };
  },
  async wiped(task) {
    const unlocked = await unlock(task);
    unlocked.wipe();
    return { form: await keys.rewrap(unlocked, "another password") };
  },
  async surface(task) {
    const [unlocked, derived] = [await unlock(task), await passwordKeys(task)];
    return { unlocked: Object.keys(unlocked), passwordKeys: Object.keys(derived), json: JSON.stringify([unlocked, derived]) };
  },
  suggest: () => ({ passphrase: keys.suggestPassphrase() }),
};

async function answer(task) {
  try {
    return await doers[task.do](task);
  } catch (problem) {
    return { error: problem.name, message: problem.message };
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const answers = [];
  for (const task of JSON.parse(line)) answers.push(await answer(task));
  console.log(JSON.stringify(answers));
}
