/** Sends a form with a picture and tells what came back, whatever it is: galleries answer refusals with more than a sentence. */

import { csrfToken, failureSentence, isPassing, isSignInPage } from "./http.js";

/**
 * POST `fields` (an object; files keep their names) to `url`. Resolves with {ok, body, sentence, passing}:
 * `body` is the answer's JSON or null, `sentence` what to say when it is not `ok`, `passing` whether trying
 * again makes sense. `onProgress` gets the share sent, 0 to 1.
 */
export function send(url, fields, { signInUrl, onProgress = () => {} }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    request.open("POST", url);
    request.setRequestHeader("X-CSRFToken", csrfToken(document));
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => resolve(outcome(request, signInUrl)));
    request.addEventListener("error", () => {
      resolve({ ok: false, body: null, sentence: failureSentence(0), passing: true });
    });
    request.send(body);
  });
}

function outcome(request, signInUrl) {
  if (isSignInPage(request.responseURL || location.href, signInUrl)) {
    return { ok: false, body: null, sentence: "You are signed out. Sign in again in another tab, then try again.", passing: true };
  }
  const ok = request.status >= 200 && request.status < 300;
  let body = null;
  try {
    body = JSON.parse(request.responseText);
  } catch (error) {
    // An error page, or a proxy in between: the sentence of the status has to do.
    if (!(error instanceof SyntaxError)) throw error;
  }
  const sentence = ok && body ? "" : failureSentence(request.status, request.responseText);
  return { ok: ok && body !== null, body, sentence, passing: isPassing(request.status) || request.status === 408 };
}
