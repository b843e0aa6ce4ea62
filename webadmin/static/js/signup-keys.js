// The page where keys are made: a passphrase, the recovery words on paper, two of them typed back, then one form.
//
// Passphrase and words stand in fields without a name and in text, never in an attribute, a store or an address. They
// are taken out of the page when it is left; nothing is sent before the words were typed back.

const form = document.querySelector("form[data-make-keys]");
const part = (name) => form.querySelector(`[data-${name}]`);
const stages = [...form.querySelectorAll("[data-stage]")];
const words = form.querySelector("template[data-words]").dataset;
const CHECKED = 2; // words to type back
let keys;
let made;
let asked = [];

const library = import(new URL(form.dataset.makeKeys, document.baseURI)).then((module) => { keys = module; });
library.catch(() => say(words.offline));
show("passphrase");

function show(stage) {
  for (const one of stages) one.hidden = one.dataset.stage !== stage;
  for (const field of form.querySelectorAll("[data-stage][hidden] input")) field.disabled = true;
  for (const field of form.querySelectorAll("[data-stage]:not([hidden]) input")) field.disabled = false;
  const heading = form.querySelector(`[data-stage="${stage}"] h2`);
  if (stage !== "passphrase") heading?.focus();
}

function say(text) {
  part("failed").textContent = text;
  part("failed").hidden = !text;
}

part("secret").addEventListener("input", ({ target }) => {
  const [mood, advice] = judged(target.value);
  part("strength").value = mood;
  part("advice").textContent = target.value ? words[advice] : "";
});

part("suggest").addEventListener("click", async () => {
  await library;
  part("secret").type = "text";
  part("secret").value = part("again").value = keys.suggestPassphrase();
  part("show").checked = true;
  part("secret").dispatchEvent(new Event("input"));
});

part("show").addEventListener("change", ({ target }) => {
  for (const name of ["secret", "again"]) part(name).type = target.checked ? "text" : "password";
});

part("make").addEventListener("click", make);
part("written").addEventListener("click", askBack);
part("look").addEventListener("click", () => show("kit"));
for (const name of ["secret", "again"]) {
  part(name).addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    make();
  });
}

async function make() {
  const secret = part("secret").value;
  try {
    await library;
  } catch {
    return say(words.offline);
  }
  if (keys.isEasy(secret)) return refuse("secret", words.short);
  if (secret !== part("again").value) return refuse("again", words.differ);
  say("");
  show("working");
  try {
    made = await keys.makeAccount(secret, { address: form.dataset.address });
  } catch (problem) {
    show("passphrase");
    return say(problem instanceof keys.InvalidKey ? problem.message : words.unable);
  }
  part("secret").value = part("again").value = "";
  part("kit").replaceChildren(...made.recoveryWords.map((word) => Object.assign(document.createElement("li"), { textContent: word })));
  show("kit");
}

function refuse(name, text) {
  say(text);
  part(name).setAttribute("aria-invalid", "true");
  part(name).focus();
}

function askBack() {
  if (!asked.length) {
    const places = Array.from(crypto.getRandomValues(new Uint32Array(made.recoveryWords.length)), (draw, place) => [draw, place]);
    asked = places.sort(([a], [b]) => a - b).slice(0, CHECKED).map(([, place]) => place).sort((a, b) => a - b);
    for (const [number, place] of asked.entries()) part(`label-${number}`).textContent = words.word.replace("%s", place + 1);
  }
  for (const number of asked.keys()) part(`word-${number}`).value = "";
  say("");
  show("check");
  part("word-0").focus();
}

form.addEventListener("submit", (event) => {
  const isRight = made && asked.length && asked.every((place, number) => part(`word-${number}`).value.trim().toLowerCase() === made.recoveryWords[place]);
  if (!isRight) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (made) refuse("word-0", words.wrong);
    return;
  }
  form.elements.registration.value = made.form;
  say("");
  part("sending").hidden = false;
}, { capture: true });

addEventListener("pagehide", () => {
  made?.unlocked.wipe();
  made = undefined;
  asked = [];
  part("kit").replaceChildren();
  for (const name of ["secret", "again", "word-0", "word-1"]) part(name).value = "";
});
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  form.elements.registration.value = "";
  part("sending").hidden = true;
  show("passphrase");
});

/** How hard a passphrase is to guess, from 0 to 4, and the name of the advice. Rough on purpose: length is what counts. */
function judged(secret) {
  const letters = [...secret.toLowerCase()];
  const different = new Set(letters).size;
  const parts = secret.trim().split(/[\s-]+/).length;
  const local = form.dataset.address.split("@")[0];
  const own = secret.toLowerCase().includes(local) ? local.length : 0;
  const bits = parts >= 4 ? parts * 11 : (letters.length - own) * Math.min(4, Math.log2(different + 1));
  if (keys?.isEasy(secret)) return [1, "short"];
  if (bits < 44) return [2, "fair"];
  return bits < 64 ? [3, "good"] : [4, "strong"];
}
