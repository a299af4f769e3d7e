/** What the server's answers mean, and the token it wants to see with every POST. */

const SENTENCES = {
  0: "The connection to the server was lost.",
  400: "The server could not read this upload. Reload the page and try again.",
  403: "The server refused this. Reload the page; sign in again if it asks you to.",
  404: "This is not there any more. Reload the page.",
  413: "The file is larger than this server takes.",
  415: "This is not a picture of a kind that is taken here.",
  422: "The picture cannot be used. Export it again and try once more.",
  429: "That was too much at once.",
  500: "Something went wrong on the server. Try again; if it stays, tell whoever runs it.",
  502: "The server is not reachable right now.",
  503: "The server is busy or its database is away. Nothing is lost.",
  504: "The server did not answer in time.",
  507: "The server has no room left. Tell whoever runs it.",
};

/** Answers after which the same request may well succeed a little later. */
const PASSING = new Set([0, 429, 502, 503, 504]);

/** The cookie comes first: a sign-in in another tab changes it, the hidden field of this page stays old. */
export function csrfToken(form) {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("csrftoken="));
  if (cookie) return decodeURIComponent(cookie.slice("csrftoken=".length));
  return form?.querySelector('input[name="csrfmiddlewaretoken"]')?.value ?? "";
}

/** True when a request ended on the sign-in page: the session is over. */
export function isSignInPage(address, signInUrl) {
  return new URL(address, location.href).pathname === new URL(signInUrl, location.href).pathname;
}

export function isPassing(status) {
  return PASSING.has(status);
}

/** The sentence for a failed request: the server's own (`detail` of problem+json) where it sent one. */
export function failureSentence(status, text = "") {
  try {
    const detail = JSON.parse(text).detail;
    if (typeof detail === "string" && detail) return detail;
  } catch {
    // Not JSON: an error page, or a proxy in between. Its words are not meant for this place.
  }
  return SENTENCES[status] ?? `The server answered ${status}. Try again.`;
}
