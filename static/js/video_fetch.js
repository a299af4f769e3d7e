/** Asks the server for parts of a video's results, and keeps what was answered for a while. */

import { failureSentence, isSignInPage } from "./http.js";

/** A page of boxes is this long; a longer one would keep the first box waiting. */
const PAGE_MS = 30000;
const MOST_PAGES = 40;
const AT_ONCE = 2;

/** Why nothing came, in a sentence for the page. */
export class FetchError extends Error {
  constructor(sentence, { signedOut = false } = {}) {
    super(sentence);
    this.signedOut = signedOut;
  }
}

/** The JSON at `address`; rejects with a FetchError. */
export async function fetchJson(address, signInUrl, signal) {
  let response;
  try {
    response = await fetch(address, { headers: { Accept: "application/json" }, signal });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new FetchError(failureSentence(0));
  }
  if (isSignInPage(response.url, signInUrl)) {
    throw new FetchError("You are signed out. Sign in again, then reload this page.", { signedOut: true });
  }
  if (!response.ok) throw new FetchError(failureSentence(response.status, await response.text()));
  return response.json();
}

/** The boxes of a video by pages of half a minute; asks for the next page before the first is over. */
export class BoxPages {
  /** `overhang`: milliseconds by which pages overlap, so that a box can move across their edge. */
  constructor({ url, signInUrl, duration, overhang, onPage, onTrouble }) {
    Object.assign(this, { url, signInUrl, duration, overhang, onPage, onTrouble });
    this.pages = new Map();
    this.asked = new Set();
    this.asking = 0;
    this.wishes = [];
    this.era = 0;
  }

  /** The people in view around `ms`: [{person, ms, boxes, strongest, share}]; null while it is on its way. */
  at(ms) {
    const number = Math.floor(ms / PAGE_MS);
    // The last wish is asked for first: whoever scrubs has left the others behind.
    this.wishes = ms % PAGE_MS > PAGE_MS / 3 ? [number, number + 1] : [number];
    this.#pump();
    return this.pages.get(number) ?? null;
  }

  /** Forget everything: somebody was merged, split or renamed. */
  clear() {
    this.era += 1;
    this.pages.clear();
    this.asked.clear();
  }

  #pump() {
    for (const number of this.wishes) {
      if (this.asking >= AT_ONCE) return;
      if (number * PAGE_MS < this.duration && !this.asked.has(number)) this.#ask(number);
    }
  }

  async #ask(number) {
    const { era } = this;
    this.asked.add(number);
    this.asking += 1;
    const from = Math.max(0, number * PAGE_MS - this.overhang);
    const to = (number + 1) * PAGE_MS + this.overhang;
    try {
      const answer = await fetchJson(`${this.url}?from=${from}&to=${to}`, this.signInUrl);
      if (era === this.era) {
        this.pages.set(number, answer.people);
        this.#forgetFar(number);
        this.onPage();
      }
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      this.onTrouble(error);
      // A page that failed may be asked for once more, but not sixty times a second.
      setTimeout(() => era === this.era && this.asked.delete(number), 3000);
    } finally {
      this.asking -= 1;
    }
    this.#pump();
  }

  #forgetFar(number) {
    if (this.pages.size <= MOST_PAGES) return;
    const far = [...this.pages.keys()].sort((a, b) => Math.abs(b - number) - Math.abs(a - number))[0];
    this.pages.delete(far);
    this.asked.delete(far);
  }
}

/** The curves of people between two moments, in as many points as a chart is wide. */
export class Curves {
  constructor({ url, signInUrl, points }) {
    Object.assign(this, { url, signInUrl, points });
    this.known = new Map();
    this.abort = null;
  }

  clear() {
    this.known.clear();
  }

  /**
   * {ms: [...], people: Map(id -> {column: [...]})}; null when a newer question came in between. People are
   * asked for one by one and `onPart` gets what is there so far: of hours, the first line need not wait for
   * the last.
   */
  async between(from, to, ids, onPart = () => {}) {
    const key = (id) => `${from}-${to}-${id}`;
    this.abort?.abort();
    this.abort = new AbortController();
    const { signal } = this.abort;
    const found = () => aligned(ids.map((id) => this.known.get(key(id))).filter(Boolean));
    for (const id of ids) {
      if (this.known.has(key(id))) continue;
      const query = new URLSearchParams({ from, to, points: this.points, person: id });
      try {
        const answer = await fetchJson(`${this.url}?${query}`, this.signInUrl, signal);
        for (const one of answer.people) this.known.set(key(one.person), one);
      } catch (error) {
        if (error.name === "AbortError") return null;
        throw error;
      }
      if (signal.aborted) return null;
      onPart(found());
    }
    // Ranges that were looked at long ago are asked for again.
    while (this.known.size > 60) this.known.delete(this.known.keys().next().value);
    return found();
  }
}

/** Curves of several people on one axis of time; null where one of them has no figure at that moment. */
function aligned(found) {
  const people = new Map();
  const first = found[0]?.ms ?? [];
  const same = found.every((one) => one.ms.length === first.length && one.ms.every((ms, at) => ms === first[at]));
  if (same) {
    for (const one of found) people.set(one.person, one.curves);
    return { ms: first, people };
  }
  const ms = [...new Set(found.flatMap((one) => one.ms))].sort((a, b) => a - b);
  const place = new Map(ms.map((at, index) => [at, index]));
  for (const one of found) {
    const curves = {};
    for (const [name, values] of Object.entries(one.curves)) {
      // Undefined is "no sample here", over which a line goes on; null is an absence, at which it breaks.
      const row = new Array(ms.length).fill(undefined);
      one.ms.forEach((at, index) => { row[place.get(at)] = values[index]; });
      curves[name] = row;
    }
    people.set(one.person, curves);
  }
  return { ms, people };
}
