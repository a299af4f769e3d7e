// The page of the API. Requests are sent with the key that was entered, else with the session of the browser.
"use strict";

(() => {
  const SAFE = ["GET", "HEAD", "OPTIONS"];

  const csrfToken = () => {
    const cookie = document.cookie.split("; ").find((item) => item.startsWith("csrftoken="));
    return cookie ? decodeURIComponent(cookie.slice("csrftoken=".length)) : "";
  };

  const withCsrfToken = (request) => {
    const sameSite = new URL(request.url, document.baseURI).origin === window.location.origin;
    if (sameSite && !SAFE.includes((request.method || "GET").toUpperCase())) {
      request.headers["X-CSRFToken"] = csrfToken();
    }
    return request;
  };

  const place = document.getElementById("docs");
  window.SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    // Closed: of more than 130 operations the list would show only the first few.
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    // No badge: it would be fetched from another site.
    validatorUrl: null,
    requestInterceptor: withCsrfToken,
  });
})();
