// Opens and seals for the Python tests: a JSON list of tasks on stdin, a JSON list of answers on stdout.
//   {"do": "identity"}                               -> {"identity", "recipient"}
//   {"do": "open", "identity", "file"}               -> {"message", "summary"}
//   {"do": "seal", "recipient", "body", "summary"}   -> {"file"}
//   {"do": "wrap", "password", "salt", "parameters", "key"} -> {"wrap", "authKey"}
// Bytes are base64.

import * as age from "age-encryption";

import * as sealed from "./sealed.mjs";

const { fromBase64, toBase64 } = sealed;

const doers = {
  async identity() {
    const identity = await age.generateHybridIdentity();
    return { identity, recipient: await age.identityToRecipient(identity) };
  },
  async open({ identity, file }) {
    const bytes = fromBase64(file);
    const body = await sealed.openAge([identity], bytes);
    const summary = sealed.openSummary(bytes, await sealed.openFileKey([identity], bytes));
    return { message: toBase64(sealed.openBody(body)), summary };
  },
  async seal({ recipient, body, summary }) {
    return { file: toBase64(await sealed.seal(recipient, fromBase64(body), summary)) };
  },
  async wrap({ password, salt, parameters, key }) {
    const { authKey, wrapKey } = await sealed.passwordKeys(password, fromBase64(salt), parameters);
    const nonce = crypto.getRandomValues(new Uint8Array(24));
    return { wrap: toBase64(sealed.box(wrapKey, nonce, fromBase64(key))), authKey: toBase64(authKey) };
  },
};

let text = "";
for await (const chunk of process.stdin) text += chunk;
const answers = [];
for (const task of JSON.parse(text)) answers.push(await doers[task.do](task));
console.log(JSON.stringify(answers));
