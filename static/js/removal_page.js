/** Follows a deletion until it is over. */

const EVERY_MS = 2000;

const box = document.querySelector("[data-removal]");

function show(state) {
  const bar = box.querySelector("[data-bar]");
  const words = box.querySelector("[data-words]");
  const error = box.querySelector("[data-error]");
  // Only what changed is written: a screen reader reads each change of the status aloud.
  if (words.textContent !== state.words) words.textContent = state.words;
  bar.max = state.total || 1;
  bar.value = state.done;
  bar.hidden = state.over;
  error.textContent = state.error;
  error.hidden = !state.error;
  box.querySelector("[data-export]").hidden = !state.export;
  if (state.over) document.querySelector("[data-leave]")?.remove();
}

async function follow() {
  try {
    const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" } });
    if (answer.ok) {
      const state = await answer.json();
      show(state);
      if (state.over) return;
    }
    // A link that has expired is not asked again.
    if (answer.status === 404) return;
  } catch (fault) {
    // The network is away for a moment: the next question tells.
    if (!(fault instanceof TypeError)) throw fault;
  }
  setTimeout(follow, EVERY_MS);
}

if (box?.hasAttribute("data-open")) setTimeout(follow, EVERY_MS);
