// Passkeys: the server's options to the authenticator, its answer into the form (WebAuthn level 3).

for (const form of document.querySelectorAll("form[data-passkey]")) form.addEventListener("submit", (event) => {
  event.preventDefault();
  run(form);
});

async function run(form) {
  const failed = form.querySelector("[data-failed]");
  const { dataset: words } = form.querySelector("[data-words]");
  const say = (text) => {
    failed.textContent = text;
    failed.hidden = false;
  };
  failed.hidden = true;
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) return say(words.unable);
  try {
    const answer = await fetch(form.dataset.options, {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    });
    const options = await answer.json();
    const credential = form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    form.elements.credential.value = JSON.stringify(credential.toJSON());
  } catch {
    return say(words.refused);
  }
  form.submit();
}
