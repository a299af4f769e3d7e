/** Files as the user chose or dropped them, and what can be said about them before anything is sent. */

/** Why a file cannot be taken, in the words the server would use; "" when it may be sent. */
export function refusalOf(file, limits) {
  if (file.size === 0) return "The file is empty. Choose another one, or export the picture again.";
  if (file.size < limits.minBytes) {
    return `The file has ${file.size} bytes; a picture needs at least ${limits.minBytes}.`;
  }
  if (file.size > limits.maxBytes) {
    return `The file is larger than ${limits.maxMegabytes} MB. Make it smaller and try again.`;
  }
  return "";
}

function entries(reader) {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

async function filesOfEntry(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  // A reader hands out a folder in parts, and an empty part is its end.
  for (let part = await entries(reader); part.length > 0; part = await entries(reader)) {
    for (const child of part) found.push(...(await filesOfEntry(child)));
  }
  // Systems leave such files in folders; nobody means to upload them.
  return found.filter((file) => !file.name.startsWith(".") && file.name !== "Thumbs.db");
}

/** All files of a drop, with those inside dropped folders. */
export async function filesOfDrop(transfer) {
  // The list empties itself after the event, so the entries are taken before the first wait.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const parts = items.map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  const lists = await Promise.all(
    parts.map(({ entry, file }) => (entry?.isDirectory ? filesOfEntry(entry) : file ? [file] : [])),
  );
  return lists.flat();
}

export function holdsFiles(event) {
  return [...(event.dataTransfer?.types ?? [])].includes("Files");
}

/**
 * Take drops anywhere on the page: a file that misses the area would otherwise replace the page. `onOver(isOver)`
 * is called while files are dragged over it, `onFiles(files)` with what was dropped, `onTrouble()` when that
 * cannot be read.
 */
export function takeDrops({ onOver, onFiles, onTrouble }) {
  let depth = 0;
  const show = () => onOver(depth > 0);
  document.addEventListener("dragenter", (event) => {
    if (holdsFiles(event)) depth += 1;
    show();
  });
  document.addEventListener("dragleave", (event) => {
    if (holdsFiles(event)) depth = Math.max(0, depth - 1);
    show();
  });
  document.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", async (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    try {
      onFiles(await filesOfDrop(event.dataTransfer));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      onTrouble();
    }
  });
}
