/** One line of the list of uploads. */

const WORDS = {
  waiting: "Waiting",
  sending: "Uploading",
  queued: "Uploaded, waiting for its turn",
  running: "Looking for faces",
};

export function facesInWords(count) {
  if (count === 0) return "No face found";
  return count === 1 ? "1 face" : `${count} faces`;
}

function stateInWords(item) {
  if (item.state === "done") {
    const known = item.answer.duplicate && !item.again ? " (was in your photos already)" : "";
    return facesInWords(item.faceCount) + known;
  }
  if (item.sentence) return item.sentence;
  if (item.state === "sending") {
    return item.share < 1 ? `Uploading, ${Math.floor(item.share * 100)}%` : "Uploaded, being checked";
  }
  return WORDS[item.state];
}

export class UploadRow {
  constructor(template, item, onRetry) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.part = (name) => this.element.querySelector(`[data-${name}]`);
    this.part("name").textContent = item.file.name;
    this.part("name").title = item.file.name;
    this.part("bar").setAttribute("aria-label", `Upload of ${item.file.name}`);
    this.part("retry").addEventListener("click", () => onRetry(item));
    this.part("retry").setAttribute("aria-label", `Try again: ${item.file.name}`);
    this.#preview(item.file);
    this.update(item);
  }

  update(item) {
    this.element.dataset.state = item.state;
    this.part("bar").value = item.share;
    const words = stateInWords(item);
    // Writing the same words again would make some screen readers repeat them.
    if (this.part("words").textContent !== words) this.part("words").textContent = words;
    this.part("retry").hidden = !(item.state === "failed" && item.retryable);
    const result = this.part("result");
    result.hidden = item.state !== "done";
    if (item.answer && !result.hasAttribute("href")) {
      result.href = item.answer.page;
      result.setAttribute("aria-label", `View result of ${item.file.name}`);
      this.#show(item.answer.thumbnail);
    }
  }

  remove() {
    this.#forget();
    this.element.remove();
  }

  #preview(file) {
    const image = this.part("thumb");
    image.addEventListener("load", () => { image.hidden = false; });
    // HEIC and TIFF cannot be shown by most browsers: the icon underneath stays until the server's thumbnail.
    image.addEventListener("error", () => { image.hidden = true; });
    if (!file.type.startsWith("image/")) return;
    this.blob = URL.createObjectURL(file);
    this.#show(this.blob);
  }

  #show(address) {
    const image = this.part("thumb");
    // A hidden image with loading="lazy" is never loaded, so it is shown first and hidden when it fails.
    image.hidden = false;
    image.src = address;
    if (address !== this.blob) this.#forget();
  }

  /** A blob address holds the whole file in memory until it is let go. */
  #forget() {
    if (this.blob) URL.revokeObjectURL(this.blob);
    this.blob = null;
  }
}
