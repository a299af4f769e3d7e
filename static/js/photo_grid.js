/**
 * The grid of photos below the uploads: kept up to date, and its pages turned, without loading the whole
 * page, because that would end the uploads that are still running.
 */

import { isSignInPage } from "./http.js";

/** Fifty photos that finish within seconds are worth a few loads of the grid, not fifty. */
const AT_MOST_EVERY = 1500;

export class PhotoGrid {
  /** `onOpenJobs(jobIds)` is told of the jobs of cards that are not finished, after every load. */
  constructor({ signInUrl, onOpenJobs }) {
    this.onOpenJobs = onOpenJobs;
    this.timer = null;
    this.loadedAt = 0;
    document.body.addEventListener("htmx:beforeSwap", (event) => {
      // The sign-in page holds no grid: swapping it in would only empty the page.
      if (isSignInPage(event.detail.xhr.responseURL, signInUrl)) event.detail.shouldSwap = false;
    });
    document.addEventListener("click", (event) => this.#turn(event));
    window.addEventListener("popstate", () => this.#load(location.search || "?page=1"));
    this.#tellOpenJobs();
  }

  get element() {
    return document.getElementById("photo-grid");
  }

  /** Load the shown page of the grid again, soon. */
  refresh() {
    if (this.timer) return;
    const wait = Math.max(150, AT_MOST_EVERY - (Date.now() - this.loadedAt));
    this.timer = setTimeout(async () => {
      this.loadedAt = Date.now();
      await this.#load(this.element.dataset.page);
      // Only now: news that came while it was loading start a load of their own.
      this.timer = null;
    }, wait);
  }

  async #turn(event) {
    const link = event.target.closest("[data-pages] a");
    // A click with a key held means a new tab or window, which is the browser's business.
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const page = link.getAttribute("href");
    history.pushState(null, "", page);
    if (await this.#load(page)) {
      this.element.scrollIntoView({ block: "start" });
      this.element.focus({ preventScroll: true });
    } else {
      location.assign(page);
    }
  }

  /** True when the grid shows `page` ("?page=2") now. */
  async #load(page) {
    try {
      const options = { target: "#photo-grid", select: "#photo-grid", swap: "outerHTML" };
      await window.htmx.ajax("GET", location.pathname + page, options);
    } catch (lost) {
      // htmx rejects without a reason when the connection is lost; the follower says so and comes back.
      if (lost) throw lost;
      return false;
    }
    this.#tellOpenJobs();
    return this.element.dataset.page === page;
  }

  #tellOpenJobs() {
    this.onOpenJobs([...this.element.querySelectorAll("[data-open-job]")].map((card) => card.dataset.openJob));
  }
}
