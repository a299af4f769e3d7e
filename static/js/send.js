/** Sends one file. XMLHttpRequest, because fetch() still reports no progress of an upload. */

import { csrfToken, failureSentence, isPassing, isSignInPage } from "./http.js";

/** Why an upload did not end in a job. `passing`: trying again makes sense; `signedOut`: not before a sign-in. */
export class SendError extends Error {
  constructor(sentence, { passing = false, signedOut = false, stopped = false } = {}) {
    super(sentence);
    this.passing = passing;
    this.signedOut = signedOut;
    this.stopped = stopped;
  }
}

function outcome(request, signInUrl) {
  if (request.status === 202) return JSON.parse(request.responseText);
  if (isSignInPage(request.responseURL || location.href, signInUrl)) {
    throw new SendError("You are signed out.", { signedOut: true });
  }
  // Any other 2xx is not an answer this page knows; saying so beats taking it for a success.
  throw new SendError(failureSentence(request.status, request.responseText), {
    passing: isPassing(request.status),
  });
}

/**
 * Upload `file`; resolves with {job_id, media_id, duplicate, page, thumbnail}, rejects with a SendError.
 * `onProgress` gets the share sent, 0 to 1.
 */
export function sendFile(file, { url, signInUrl, form, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("file", file, file.name);
    request.open("POST", url);
    request.setRequestHeader("X-CSRFToken", csrfToken(form));
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      try {
        resolve(outcome(request, signInUrl));
      } catch (error) {
        reject(error);
      }
    });
    request.addEventListener("error", () => {
      reject(new SendError(failureSentence(0), { passing: true }));
    });
    request.addEventListener("abort", () => {
      reject(new SendError("Stopped before it was sent.", { stopped: true }));
    });
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}
