/**
 * The uploads of this page: a few at a time, each with a state, one failure never stopping the others.
 * Knows nothing of the page; it tells `onChange(item)` whatever happens to an item.
 */

const AT_ONCE = 3;
/** Pauses, in ms, before a lost connection is tried again by itself; after them the user decides. */
const PAUSES = [2000, 5000];

/** Whether an item has come to its end, well or badly. */
export function isOver(item) {
  return item.state === "done" || item.state === "failed";
}

export class UploadQueue {
  /** `send(file, {signal, onProgress})` must answer like sendFile in send.js. */
  constructor({ send, onChange, onSignedOut }) {
    this.items = [];
    this.send = send;
    this.onChange = onChange;
    this.onSignedOut = onSignedOut;
    this.sending = 0;
    this.paused = false;
  }

  /** Take a file; with a `refusal` it is listed as failed and never sent. */
  add(file, refusal = "") {
    const item = { file, state: "waiting", share: 0, sentence: "", retryable: false, tries: 0, again: false, timer: null, answer: null };
    this.items.push(item);
    if (refusal) this.#change(item, { state: "failed", sentence: refusal });
    else this.#change(item, {});
    this.#pump();
    return item;
  }

  retry(item) {
    if (item.state !== "failed" || !item.retryable) return;
    item.tries = 0;
    item.again = true;
    this.#change(item, { state: "waiting", sentence: "", share: 0 });
    this.#pump();
  }

  /** Give up everything that has not reached the server; what has goes on there. */
  stop() {
    for (const item of this.items) {
      if (item.state === "sending") item.controller.abort();
      else if (item.state === "waiting") {
        clearTimeout(item.timer);
        item.timer = null;
        this.#fail(item, "Stopped before it was sent.", true);
      }
    }
  }

  /** After a sign-in: go on with what waits. */
  resume() {
    this.paused = false;
    this.#pump();
  }

  /** Forget items that are over; returns them. */
  clear() {
    const gone = this.items.filter(isOver);
    this.items = this.items.filter((item) => !isOver(item));
    return gone;
  }

  /** The follower's news about an accepted item. */
  report(item, changes) {
    this.#change(item, changes);
  }

  #change(item, changes) {
    Object.assign(item, changes);
    this.onChange(item);
  }

  #fail(item, sentence, retryable) {
    this.#change(item, { state: "failed", sentence, retryable, share: 0 });
  }

  #pump() {
    if (this.paused) return;
    for (const item of this.items) {
      if (this.sending >= AT_ONCE) return;
      if (item.state === "waiting" && !item.timer) this.#start(item);
    }
  }

  async #start(item) {
    this.sending += 1;
    item.controller = new AbortController();
    this.#change(item, { state: "sending", share: 0, sentence: "" });
    try {
      const answer = await this.send(item.file, {
        signal: item.controller.signal,
        onProgress: (share) => this.#change(item, { share }),
      });
      this.#change(item, { state: "queued", share: 1, answer });
    } catch (error) {
      this.#handle(item, error);
    } finally {
      this.sending -= 1;
      this.#pump();
    }
  }

  #handle(item, error) {
    if (error.signedOut) {
      this.paused = true;
      this.#change(item, { state: "waiting", sentence: "Waits until you have signed in again.", share: 0 });
      this.onSignedOut();
    } else if (error.passing && item.tries < PAUSES.length) {
      const pause = PAUSES[item.tries];
      item.tries += 1;
      this.#change(item, {
        state: "waiting",
        share: 0,
        sentence: `${error.message} Trying again in ${pause / 1000} seconds.`,
      });
      item.timer = setTimeout(() => {
        item.timer = null;
        this.#pump();
      }, pause);
    } else {
      // A refusal by content stays a refusal; everything else may be tried again.
      const advice = error.passing ? " Try again in a while." : "";
      this.#fail(item, error.message + advice, error.passing || Boolean(error.stopped));
    }
  }
}
