/**
 * Follows jobs until they are over: one request for all of them, slower while nothing changes, none at all
 * when nothing is open. A lost connection is said once and tried again.
 */

import { failureSentence, isSignInPage } from "./http.js";

/** The server answers for at most this many jobs at once. */
const MOST = 100;
const FASTEST = 700;
const SLOWEST = 3000;
const SLOWER = 1.3;
/** After this time without any change the page says that the work has not begun yet. */
const QUIET = 45000;
const OVER = new Set(["succeeded", "failed", "cancelled"]);

export class JobFollower {
  /**
   * `onStates(jobId, states, over)` gets the states of a job's photos when one of them changed; an empty
   * list means that the server does not know the job any more. `onTrouble(sentence, {signedOut})` is called
   * with "" when the trouble is past; `onQuiet(isQuiet)` when nothing has changed for long, and when it does.
   */
  constructor({ url, signInUrl, onStates, onTrouble = () => {}, onQuiet = () => {} }) {
    Object.assign(this, { url, signInUrl, onStates, onTrouble, onQuiet });
    this.open = new Map();
    this.pause = FASTEST;
    this.timer = null;
    this.asking = false;
    this.troubled = false;
    this.quiet = false;
    this.changedAt = Date.now();
  }

  follow(jobId) {
    if (this.open.has(jobId)) return;
    this.open.set(jobId, "");
    this.#changed();
    this.#plan();
  }

  /** Stop asking for a job whose end does not matter any more. */
  drop(jobId) {
    this.open.delete(jobId);
  }

  /** Ask again now, after a sign-in. */
  resume() {
    this.pause = FASTEST;
    this.#plan();
  }

  #changed() {
    this.pause = FASTEST;
    this.changedAt = Date.now();
    if (this.quiet) {
      this.quiet = false;
      this.onQuiet(false);
    }
  }

  #plan() {
    clearTimeout(this.timer);
    if (this.open.size === 0 || this.asking) return;
    this.timer = setTimeout(() => this.#ask(), this.pause);
  }

  async #ask() {
    this.asking = true;
    const ids = [...this.open.keys()].slice(0, MOST);
    let goOn = true;
    try {
      const query = new URLSearchParams(ids.map((id) => ["job", id]));
      const response = await fetch(`${this.url}?${query}`, { headers: { Accept: "application/json" } });
      if (isSignInPage(response.url, this.signInUrl)) {
        goOn = false;
        this.#trouble("You are signed out. The work goes on; sign in again to follow it.", true);
      } else if (!response.ok) {
        this.#trouble(failureSentence(response.status, await response.text()));
      } else {
        this.#read(ids, (await response.json()).states);
        if (this.troubled) this.onTrouble("", { signedOut: false });
        this.troubled = false;
      }
    } catch (error) {
      // fetch() and a cut-off body both end here; anything else is a fault of ours and must be seen.
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      this.#trouble(failureSentence(0));
    } finally {
      this.asking = false;
    }
    this.#checkQuiet();
    this.pause = Math.min(SLOWEST, this.pause * SLOWER);
    if (goOn) this.#plan();
  }

  #trouble(sentence, signedOut = false) {
    this.troubled = true;
    this.onTrouble(signedOut ? sentence : `${sentence} Trying again by itself; nothing is lost.`, { signedOut });
  }

  #read(ids, states) {
    for (const id of ids) {
      const mine = states.filter((state) => state.job_id === id);
      const news = JSON.stringify(mine);
      const over = mine.every((state) => OVER.has(state.status));
      const before = this.open.get(id);
      if (before === undefined) continue;
      // Asked jobs go to the end of the line, so that more than a hundred take turns.
      this.open.delete(id);
      if (!over) this.open.set(id, news);
      if (news === before) continue;
      this.#changed();
      this.onStates(id, mine, over);
    }
  }

  #checkQuiet() {
    if (this.quiet || this.open.size === 0 || Date.now() - this.changedAt < QUIET) return;
    this.quiet = true;
    this.onQuiet(true);
  }
}
