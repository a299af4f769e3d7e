/** A page that shows a secret once: its copy button, and where a reload leads. */

/** Where the browser gives no clipboard, as over plain http, what is selected can still be copied. */
async function copy(source) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(source.textContent.trim());
    return true;
  }
  getSelection().selectAllChildren(source);
  return document.execCommand("copy");
}

async function handleCopy(event) {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const done = await copy(document.getElementById(button.dataset.copies)).catch(() => false);
  button.textContent = done ? "Copied" : "Copy it by hand";
  const said = document.querySelector("[data-copied]");
  if (said) said.textContent = done ? "Copied to the clipboard." : "The browser did not copy it. Select it and copy it by hand.";
}

document.addEventListener("click", handleCopy);
// A reload would send the form again and make a second key.
const { reload } = document.querySelector("[data-reload]")?.dataset ?? {};
if (reload) history.replaceState(null, "", reload);
