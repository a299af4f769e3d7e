/** A place for pictures: dropped anywhere on the page, chosen, or pasted from the clipboard. */

import { filesOfDrop, holdsFiles, refusalOf } from "./files.js";

/**
 * Connect the place `root` (see templates/galleries/_drop.html). `onFiles(files)` gets [{file, refusal}], of which
 * `refusal` is a sentence for a file that must not be sent, else "".
 */
export function connectDrop(root, onFiles) {
  const form = root.querySelector("[data-drop]");
  const input = form.querySelector('input[type="file"]');
  const notice = root.querySelector("[data-drop-notice]");
  const { minBytes, maxBytes, maxMegabytes } = root.dataset;
  const limits = { minBytes: Number(minBytes), maxBytes: Number(maxBytes), maxMegabytes };
  const take = (files) => {
    notice.hidden = true;
    if (files.length > 0) onFiles(files.map((file) => ({ file, refusal: refusalOf(file, limits) })));
  };
  const takeInput = () => {
    take([...input.files]);
    // Emptied, so that choosing the same file again is a change again.
    input.value = "";
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("change", takeInput);
  document.addEventListener("paste", (event) => {
    if (event.target.closest?.("input, textarea")) return;
    take([...(event.clipboardData?.files ?? [])]);
  });
  connectDrag(form, async (transfer) => {
    try {
      take(await filesOfDrop(transfer));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      notice.textContent = "What you dropped could not be read. Choose the photos instead.";
      notice.hidden = false;
    }
  });
  // A photo may have been chosen while this script was still on its way.
  takeInput();
}

/** The whole page takes drops: a file that misses the place would otherwise replace the page. */
function connectDrag(form, onDrop) {
  let depth = 0;
  const show = () => form.classList.toggle("is-over", depth > 0);
  const count = (step) => (event) => {
    if (holdsFiles(event)) depth = Math.max(0, depth + step);
    show();
  };
  document.addEventListener("dragenter", count(1));
  document.addEventListener("dragleave", count(-1));
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    onDrop(event.dataTransfer);
  });
}
