// Signing in: the password becomes a key here, and only the key is sent.
//
// A form with `data-derive` names where to ask for the salt, and with `data-keys` the module that derives. The password
// field has no name, so that it is never sent, whatever else goes wrong.

for (const form of document.querySelectorAll("form[data-derive]")) form.addEventListener("submit", (event) => {
  event.preventDefault();
  derive(form);
});

async function derive(form) {
  const [secret, failed, working] = ["secret", "failed", "working"].map((name) => form.querySelector(`[data-${name}]`));
  const { dataset: words } = form.querySelector("[data-words]");
  const say = (text) => {
    working.hidden = true;
    failed.textContent = text;
    failed.hidden = false;
    button.disabled = false;
  };
  const button = form.querySelector("button");
  const address = form.elements.address.value.trim();
  failed.hidden = true;
  if (!address || !secret.value) return say(words.empty);
  button.disabled = true;
  working.hidden = false;
  let named;
  let keys;
  try {
    [named, keys] = await Promise.all([ask(form, address), import(new URL(form.dataset.keys, document.baseURI))]);
  } catch {
    return say(words.offline);
  }
  try {
    const derived = await keys.deriveAuthKey(secret.value, named.salt, named.parameters);
    form.elements.auth_key.value = Array.from(derived.authKey, (byte) => byte.toString(16).padStart(2, "0")).join("");
    derived.wipe();
  } catch (problem) {
    return say(problem instanceof keys.WeakParameters ? words.weak : words.unable);
  }
  secret.value = "";
  form.submit();
}

async function ask(form, address) {
  const answer = await fetch(form.dataset.derive, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    body: JSON.stringify({ address }),
  });
  if (!answer.ok) throw new Error("no salt");
  return answer.json();
}
