// An owner's pages that open the keyring: a new app password, another account password, the 24 recovery words, and
// the log of sign-ins, whose lines are sealed to the owner.
//
// Passwords and words stand in fields without a name, so that they are never sent. What is sent is the auth key, which
// proves the password, and what `keys.js` made: boxes, and of an app password the secret that the server hashes.

const form = document.querySelector("form[data-owner]");
const part = (name) => form.querySelector(`[data-${name}]`);
const words = form.querySelector("template[data-words]").dataset;
const button = form.querySelector("button:not([type=button])");
let keys;

const library = import(new URL(form.dataset.keys, document.baseURI)).then((module) => { keys = module; });
library.catch(() => say(words.offline));

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A refusal in words for the person; everything else that is thrown is a fault. */
class Refusal extends Error {}

function say(text) {
  part("working").hidden = true;
  part("failed").textContent = text;
  part("failed").hidden = !text;
  button.disabled = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  event.stopImmediatePropagation();
  say("");
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  button.disabled = true;
  part("working").hidden = false;
  try {
    await library;
    const acts = { "app-password": appPassword, consents: showConsents, password: otherPassword, recover, "sign-ins": signIns };
    await acts[form.dataset.owner]();
  } catch (problem) {
    say(inWords(problem));
  }
}, { capture: true });

function inWords(problem) {
  if (problem instanceof Refusal) return problem.message;
  if (problem instanceof TypeError || !keys) return words.offline; // what fetch and import throw without a connection
  if (problem instanceof keys.WeakParameters) return words.weak;
  if (problem instanceof keys.CannotOpen) return form.dataset.owner === "recover" ? words.phrase : words.wrong;
  if (problem instanceof keys.InvalidKey || problem instanceof keys.OldKeyring) return problem.message;
  return words.unable;
}

async function ask(body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
  const answer = await fetch(form.dataset.keyring, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  if (!answer.ok) throw new Refusal(words.offline);
  return answer.json();
}

/** The keyring's boxes and the keys of the password that opens them. */
async function proven() {
  if (!part("secret").value) throw new Refusal(words.empty);
  const stored = await ask();
  return { stored, derived: await keys.deriveAuthKey(part("secret").value, stored.salt, stored.parameters) };
}

async function appPassword() {
  if (!form.elements.name.value.trim()) throw new Refusal(words.empty);
  const access = form.elements.access.value;
  const { stored, derived } = await proven();
  const unlocked = access === "session" ? await keys.unlockKeyring(stored, derived) : null;
  const made = keys.makeAppPassword(unlocked, access);
  const body = new FormData(form);
  body.set("auth_key", hex(derived.authKey));
  body.set("made", made.form);
  unlocked?.wipe();
  derived.wipe();
  const answer = await fetch(location.href, { method: "POST", headers: { Accept: "application/json" }, body });
  if (answer.status === 422) return refused((await answer.json()).problems);
  if (!answer.ok) throw new Refusal(words.offline);
  show(made.password);
}

/** The first sentence of what the server refuses, and the field it is about. */
function refused(problems) {
  const [[name, [{ message }]]] = Object.entries(problems);
  say(message);
  const field = form.elements[name];
  if (field instanceof HTMLInputElement && field.type !== "hidden") {
    field.setAttribute("aria-invalid", "true");
    field.focus();
  }
}

function show(password) {
  part("secret").value = "";
  const result = document.querySelector("[data-result]");
  result.querySelector("[data-password]").textContent = password;
  result.querySelector("[data-copy='']").dataset.copy = password;
  form.hidden = true;
  document.querySelector("[data-explained]").hidden = true;
  result.hidden = false;
  result.querySelector("h2").focus();
}

/** Open the addresses on the page, in place; they go with it. */
async function showConsents() {
  const { stored, derived } = await proven();
  const unlocked = await keys.unlockKeyring(stored, derived);
  for (const field of document.querySelectorAll("[data-sealed]")) {
    const { message } = await keys.openMessage(unlocked, field.dataset.sealed);
    field.textContent = new TextDecoder().decode(message);
  }
  unlocked.wipe();
  derived.wipe();
  empty();
  form.hidden = true;
}

function fresh() {
  const secret = part("fresh").value;
  if (keys.isEasy(secret)) throw new Refusal(words.short);
  if (secret !== part("again").value) throw new Refusal(words.differ);
  return secret;
}

async function otherPassword() {
  const next = fresh();
  const { stored, derived } = await proven();
  const unlocked = await keys.unlockKeyring(stored, derived);
  form.elements.made.value = await keys.rewrap(unlocked, next);
  form.elements.auth_key.value = hex(derived.authKey);
  unlocked.wipe();
  derived.wipe();
  send();
}

async function recover() {
  if (!form.elements.address.value.trim() || !part("phrase").value.trim()) throw new Refusal(words.empty);
  const next = fresh();
  const stored = await ask({ address: form.elements.address.value });
  const { unlocked, form: made } = await keys.recover(stored, part("phrase").value, next);
  // mailhost/seal/registration.py::recovery_message
  const message = `skerry-recovery-v1\n${stored.address}\n${stored.challenge}\n${made}`;
  form.elements.proof.value = keys.toBase64(keys.sign(unlocked, new TextEncoder().encode(message)));
  form.elements.challenge.value = stored.challenge;
  form.elements.made.value = made;
  unlocked.wipe();
  send();
}

async function signIns() {
  const { stored, derived } = await proven();
  const unlocked = await keys.unlockKeyring(stored, derived);
  derived.wipe();
  const answer = await fetch(form.dataset.notes, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Refusal(words.offline);
  const rows = document.querySelector("[data-lines]");
  const named = rows.dataset.names.split("|");
  rows.replaceChildren();
  for (const file of (await answer.json()).notes) rows.append(line(await opened(unlocked, file), named));
  unlocked.wipe();
  part("secret").value = "";
  form.hidden = true;
  document.querySelector("[data-opened]").hidden = false;
  document.querySelector("[data-opened] h2").focus();
  say("");
}

/** What stands in a sealed note; null for one that these keys do not open. */
async function opened(unlocked, file) {
  try {
    const { message } = await keys.openMessage(unlocked, file);
    return JSON.parse(new TextDecoder().decode(message));
  } catch {
    return null;
  }
}

/** A row of the table. The texts come from a sealed note: set as text, never as markup. */
function line(note, named) {
  const told = form.querySelector("template[data-log]");
  const say = (code) => told.getAttribute(`data-${code}`) ?? String(code);
  const cells = note
    ? [new Date(note.at).toLocaleString(), say(note.program), note.country || say("here"), say(note.result), String(note.failures)]
    : ["–", say("closed"), "–", "–", "–"];
  const row = document.createElement("tr");
  cells.forEach((text, place) => {
    const cell = document.createElement(place ? "td" : "th");
    if (place) cell.dataset.label = named[place];
    else cell.scope = "row";
    cell.textContent = text;
    row.append(cell);
  });
  return row;
}

function send() {
  empty();
  form.submit();
}

function empty() {
  for (const name of ["secret", "fresh", "again", "phrase"]) if (part(name)) part(name).value = "";
}

part("suggest")?.addEventListener("click", async () => {
  await library;
  for (const name of ["fresh", "again"]) part(name).type = "text";
  part("fresh").value = part("again").value = keys.suggestPassphrase();
});

addEventListener("pagehide", empty);
addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
