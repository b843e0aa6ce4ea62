// The page of a secure link: words in, a message out, an answer back.
//
// The words stand in a field without a name and are turned into keys by `link.js`. The auth key is sent; the other one
// opens what comes back. Everything of the message reaches the page as text, never as markup. When the page goes, the
// browser forgets it all.

const root = document.querySelector("[data-link]");
const part = (name) => root.querySelector(`[data-${name}]`);
const says = part("says").dataset;
const MOST = 15 * 1000 * 1000; // bytes of files in one answer; what the server takes, less the words around them
const library = import(new URL(root.dataset.keys, document.baseURI));
library.catch(() => fail("failed", says.offline));
let authKey = "";

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A refusal in words for the person; everything else that is thrown is a fault. */
class Refusal extends Error {}

function fail(name, text) {
  part(name).textContent = text;
  part(name).hidden = !text;
}

/** Run one step of a form: its button waits, its notice shows, and what goes wrong is said in its place. */
async function step(form, name, act) {
  const button = form.querySelector("button");
  fail(`${name}failed`, "");
  button.disabled = true;
  part(`${name}working`).hidden = false;
  try {
    await act();
  } catch (problem) {
    fail(`${name}failed`, await inWords(problem));
  } finally {
    part(`${name}working`).hidden = true;
    button.disabled = false;
  }
}

async function inWords(problem) {
  if (problem instanceof Refusal) return problem.message;
  if (problem instanceof TypeError) return says.offline; // what fetch and import throw without a connection
  const keys = await library.catch(() => null);
  if (!keys) return says.offline;
  if (problem instanceof keys.InvalidKey) return says.empty;
  if (problem instanceof keys.WeakParameters) return says.weak;
  return problem instanceof keys.CannotOpen ? says.damaged : says.unable;
}

async function refusal(answer) {
  const { error } = await answer.json().catch(() => ({}));
  return new Refusal(error ?? says.offline);
}

part("words-form").addEventListener("submit", (event) => {
  event.preventDefault();
  step(event.target, "", open);
});

async function open() {
  const keys = await library;
  const derived = await keys.deriveLinkKeys(part("typed").value, root.dataset.salt, root.dataset.parameters);
  const sent = hex(derived.authKey);
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(root.dataset.open, { method: "POST", headers, body: JSON.stringify({ auth: sent }) });
  if (!answer.ok) throw await refusal(answer);
  const message = await keys.readMessage(await keys.openLink(derived, new Uint8Array(await answer.arrayBuffer())));
  authKey = sent;
  part("typed").value = "";
  show(message, answer.headers);
}

function show(message, headers) {
  part("subject").textContent = message.subject || says.noSubject;
  for (const name of ["from", "to"]) part(name).textContent = message[name];
  part("date").textContent = dateInWords(message.date);
  part("reference").textContent = headers.get("Skerry-Reference");
  part("last-day").textContent = headers.get("Skerry-Last-Day");
  part("text").textContent = message.text.trimEnd();
  part("was-html").hidden = !message.fromHtml;
  part("file-list").replaceChildren(...message.attachments.map(fileLine));
  part("files").hidden = !message.attachments.length;
  part("answering").hidden = headers.get("Skerry-Answers") === "none";
  part("file-field").hidden = headers.get("Skerry-Answers") !== "files";
  part("asking").hidden = true;
  part("opened").hidden = false;
  document.title = part("subject").textContent;
  part("subject").focus();
}

/** In the page's language; what is no date stays away. */
function dateInWords(text) {
  const moment = new Date(text);
  const form = { dateStyle: "long", timeStyle: "short" };
  return Number.isNaN(moment.getTime()) ? "" : moment.toLocaleString(document.documentElement.lang, form);
}

/** A file to be saved. Its type is always that of plain bytes, so that nothing of it is shown or run here. */
function fileLine({ name, content }) {
  const line = document.createElement("li");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  link.download = name;
  link.textContent = `${says.download}: ${name}`;
  const size = document.createElement("span");
  size.className = "soft small";
  size.textContent = ` ${Math.max(1, Math.round(content.length / 1000))} kB`;
  line.append(link, size);
  return line;
}

part("answer-form").addEventListener("submit", (event) => {
  event.preventDefault();
  step(event.target, "answer-", send);
});

async function send() {
  const text = part("answer-text").value;
  const files = [...part("answer-files").files];
  if (!text.trim() && !files.length) throw new Refusal(says.nothing);
  if (files.length > Number(root.dataset.maxFiles)) throw new Refusal(says.tooMany);
  if (files.reduce((size, file) => size + file.size, 0) > MOST) throw new Refusal(says.tooLarge);
  const body = new FormData();
  body.set("auth", authKey);
  body.set("subject", `Re: ${part("subject").textContent.replace(/^(re:\s*)+/i, "")}`);
  body.set("text", text);
  for (const file of files) body.append("files", file);
  const answer = await fetch(root.dataset.answer, { method: "POST", body });
  if (!answer.ok) throw await refusal(answer);
  part("answer-sent").textContent = (await answer.json()).said;
  part("answer-sent").hidden = false;
  part("answer-text").value = "";
  part("answer-files").value = "";
}
