// The first page of a signup: the browser works while its owner types, and the form waits for it.

const form = document.querySelector("form[data-work]");
const challenge = form?.elements.challenge?.value;
if (challenge) begin();

async function begin() {
  const [bar, waiting, failed] = ["progress", "waiting", "failed"].map((name) => form.querySelector(`[data-${name}]`));
  let wanted = false;
  form.querySelector("[data-worker]").hidden = false;
  form.addEventListener("submit", (event) => {
    if (form.elements.counters.value || form.elements.voucher?.value) return;
    event.preventDefault();
    wanted = true;
    waiting.hidden = false;
  });
  try {
    const { solve } = await import(new URL(form.dataset.work, document.baseURI));
    form.elements.counters.value = await solve(challenge, (part) => { bar.value = part; });
  } catch {
    failed.hidden = false;
    return;
  }
  waiting.hidden = true;
  form.querySelector("[data-ready]").hidden = false;
  if (wanted) form.requestSubmit();
}
