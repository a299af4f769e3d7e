/** A recording of the camera that stays in the browser until somebody decides what becomes of it. */

const KINDS = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];
const BITS_PER_SECOND = 1_500_000;
const PIECE = 1000;

export class Recorder {
  /** Throws an Error with a sentence where the browser cannot record. */
  constructor(stream) {
    const kind = window.MediaRecorder && KINDS.find((one) => MediaRecorder.isTypeSupported(one));
    if (!kind) throw new Error("This browser cannot record. Start without saving the session, or use another one.");
    this.pieces = [];
    this.recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: BITS_PER_SECOND });
    this.recorder.addEventListener("dataavailable", ({ data }) => data.size && this.pieces.push(data));
    this.begun = performance.now();
    // In pieces, so that a browser that dies for memory loses seconds, and none is held twice.
    this.recorder.start(PIECE);
  }

  /** End it. Gives {blob, seconds, extension}, or null when nothing was recorded. */
  async stop() {
    const seconds = (performance.now() - this.begun) / 1000;
    if (this.recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => this.recorder.addEventListener("stop", resolve, { once: true }));
      this.recorder.stop();
      await stopped;
    }
    if (!this.pieces.length) return null;
    const type = this.recorder.mimeType.split(";")[0];
    return { blob: new Blob(this.pieces, { type }), seconds, extension: type === "video/mp4" ? "mp4" : "webm" };
  }
}

function inWords(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = Math.round(seconds % 60);
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}

/** The panel that shows a recording: it is saved as a video, or thrown away. */
export class Kept {
  constructor(root) {
    this.root = root;
    this.find = (name) => root.querySelector(`[data-${name}]`);
    this.kept = null;
    this.find("keep").addEventListener("click", () => this.#save());
    this.find("discard").addEventListener("click", () => this.discard());
    addEventListener("beforeunload", (event) => {
      if (this.kept) event.preventDefault();
    });
  }

  show(kept) {
    this.discard();
    this.kept = kept;
    this.find("kept-video").src = URL.createObjectURL(kept.blob);
    const megabytes = (kept.blob.size / 1024 ** 2).toFixed(1);
    this.find("kept-facts").textContent = `${inWords(kept.seconds)}, ${megabytes} MB, without sound. `;
    const day = new Date().toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    this.find("kept-name").value = `Live camera, ${day}`;
    this.#busy(false, "");
    this.root.hidden = false;
    this.root.scrollIntoView({ block: "nearest" });
    this.root.focus({ preventScroll: true });
  }

  discard() {
    const video = this.find("kept-video");
    if (video.src) URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    video.load();
    this.kept = null;
    this.root.hidden = true;
  }

  async #save() {
    const { blob, extension } = this.kept;
    const progress = this.find("kept-progress");
    this.#busy(true, "Uploading. Keep this page open.");
    try {
      // Only who saves needs it.
      const { uploadVideo } = await import("./video_upload.js");
      const name = `${this.find("kept-name").value.trim() || "Live camera"}.${extension}`;
      const onProgress = (sent, total) => {
        progress.value = total ? sent / total : 0;
      };
      const { page } = await uploadVideo(blob, name, { onProgress, options: { live: true } });
      this.discard();
      location.assign(page);
    } catch (error) {
      this.#busy(false, `${error.message} The recording is still here: try again.`);
    }
  }

  #busy(busy, words) {
    this.find("kept-progress").hidden = !busy;
    this.find("keep").disabled = busy;
    this.find("discard").disabled = busy;
    this.find("kept-words").textContent = words;
  }
}
