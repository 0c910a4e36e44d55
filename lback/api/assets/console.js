// Starts Swagger UI with the document of this application and the session of the visitor.
"use strict";

(function () {
  const place = document.getElementById("console");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const applyScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  applyScheme();
  dark.addEventListener("change", applyScheme);

  const SAFE = ["GET", "HEAD", "OPTIONS", "TRACE"];
  window.ui = window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.document,
    deepLinking: true,
    validatorUrl: null, // no other host
    persistAuthorization: false,
    displayRequestDuration: true,
    syntaxHighlight: false, // its colours have too little contrast
    requestInterceptor: (request) => {
      const url = new URL(request.url, window.location.href);
      const isOwn = url.origin === window.location.origin;
      const method = (request.method || "GET").toUpperCase();
      const headers = request.headers || {};
      if (isOwn && place.dataset.csrf && !SAFE.includes(method) && !headers["X-CSRF-Token"]) {
        request.headers = { ...headers, "X-CSRF-Token": place.dataset.csrf };
      }
      return request;
    },
  });
})();
