// Uploads the files of forms in parts (tus 1.0.0), shows the progress, and resumes after an
// interruption; or sends them to the storage itself (data-direct). A form without this script sends
// its files at once, as forms do.
"use strict";

(function () {
  const PART = 8 * 1024 * 1024;
  const ATTEMPTS = 8;
  const HEADERS = { "Tus-Resumable": "1.0.0" };

  function fields(form, more) {
    const token = form.querySelector('input[name="csrf_token"]');
    return Object.assign({}, HEADERS, token ? { "X-CSRF-Token": token.value } : {}, more);
  }

  // Shows a fraction as a percentage, in the language of the page.
  function percent(done) {
    const language = document.documentElement.lang.replaceAll("_", "-");
    const known = language && Intl.NumberFormat.supportedLocalesOf([language]).length;
    const options = { style: "percent", roundingMode: "floor" };
    return new Intl.NumberFormat(known ? language : "en", options).format(done);
  }

  function encoded(text) {
    return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  }

  function memory(file, collection) {
    return ["lback-upload", collection, file.name, file.size, file.lastModified].join("|");
  }

  // An error whose text is shown, in the language of the page.
  class Shown extends Error {}

  function refused(input) {
    return new Shown(input.dataset.uploadRefused);
  }

  async function failed(input, failures) {
    if (failures > ATTEMPTS) throw new Shown(input.dataset.uploadLost);
    await new Promise((resolve) => setTimeout(resolve, 500 * failures));
  }

  async function started(form, input, file) {
    const collection = input.dataset.uploads;
    const known = localStorage.getItem(memory(file, collection));
    if (known) {
      const answer = await fetch(known, { method: "HEAD", headers: fields(form) });
      const offset = Number(answer.headers.get("Upload-Offset"));
      if (answer.ok) return { url: known, offset: offset };
      localStorage.removeItem(memory(file, collection));
    }
    const answer = await fetch(collection, {
      method: "POST",
      headers: fields(form, {
        "Upload-Length": String(file.size),
        "Upload-Metadata": "filename " + encoded(file.name),
      }),
    });
    if (answer.status !== 201) throw answer.status < 500 ? refused(input) : new Error();
    const url = answer.headers.get("Location");
    localStorage.setItem(memory(file, collection), url);
    return { url: url, offset: 0 };
  }

  // Sends a request with a body whose progress is seen, which fetch does not tell.
  function sent(method, url, headers, body, progress) {
    return new Promise(function (resolve, reject) {
      const request = new XMLHttpRequest();
      request.open(method, url);
      for (const name of Object.keys(headers)) request.setRequestHeader(name, headers[name]);
      request.upload.onprogress = progress;
      request.onerror = () => reject(new Error());
      request.onload = () => resolve(request);
      request.send(body);
    });
  }

  function sendPart(form, state, part, progress) {
    const headers = fields(form, {
      "Content-Type": "application/offset+octet-stream",
      "Upload-Offset": String(state.offset),
    });
    const offset = state.offset;
    return sent("PATCH", state.url, headers, part, (event) => progress(offset + event.loaded));
  }

  async function inParts(form, input, file, progress) {
    let state = null;
    let failures = 0;
    while (state === null || state.offset < file.size) {
      try {
        state = state || (await started(form, input, file));
        progress(state.offset);
        if (state.offset >= file.size) break;
        const part = file.slice(state.offset, state.offset + PART);
        const answer = await sendPart(form, state, part, progress);
        if (answer.status === 204) {
          state.offset = Number(answer.getResponseHeader("Upload-Offset"));
          failures = 0;
          continue;
        }
        if (answer.status !== 409 && answer.status < 500) {
          localStorage.removeItem(memory(file, input.dataset.uploads));
          throw refused(input);
        }
      } catch (error) {
        if (error instanceof Shown) throw error;
      }
      failures += 1;
      await failed(input, failures);
      state = null; // the server says how much has arrived
    }
    progress(file.size);
    localStorage.removeItem(memory(file, input.dataset.uploads));
    return state.url.split("/").pop();
  }

  async function begun(input, file) {
    const url = new URL(input.dataset.direct, document.baseURI);
    url.searchParams.set("name", file.name);
    url.searchParams.set("size", String(file.size));
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw answer.status < 500 ? refused(input) : new Error();
    return answer.json();
  }

  async function directly(input, file, progress) {
    for (let failures = 1; ; failures += 1) {
      try {
        const upload = await begun(input, file);
        const data = new FormData();
        for (const name of Object.keys(upload.fields)) data.append(name, upload.fields[name]);
        data.append("file", file); // the last field
        const answer = await sent("POST", upload.url, {}, data, function (event) {
          progress((file.size * event.loaded) / event.total);
        });
        if (answer.status >= 200 && answer.status < 300) return upload.token;
        if (answer.status < 500) throw refused(input);
      } catch (error) {
        if (error instanceof Shown) throw error;
      }
      await failed(input, failures);
    }
  }

  function upload(form, input, file, progress) {
    const { direct } = input.dataset;
    return direct ? directly(input, file, progress) : inParts(form, input, file, progress);
  }

  function shown(input) {
    const before = input.nextElementSibling;
    if (before && before.dataset.upload === "") before.remove();
    const line = document.createElement("p");
    const bar = document.createElement("progress");
    const text = document.createElement("span");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", input.dataset.uploadLabel);
    text.setAttribute("role", "status");
    line.dataset.upload = "";
    line.append(bar, " ", text);
    input.insertAdjacentElement("afterend", line);
    return { line: line, bar: bar, text: text };
  }

  async function submitted(event) {
    const form = event.target;
    const inputs = Array.from(form.querySelectorAll("input[type=file][data-upload-label]"));
    const chosen = inputs.filter((input) => input.files.length === 1 && input.name);
    if (!chosen.length) return;
    event.preventDefault();
    const button = event.submitter;
    if (button) button.disabled = true;
    try {
      for (const input of chosen) {
        const file = input.files[0];
        const place = shown(input);
        try {
          const token = await upload(form, input, file, function (done) {
            place.bar.value = file.size ? done / file.size : 1;
            place.text.textContent = percent(place.bar.value);
          });
          const hidden = document.createElement("input");
          hidden.type = "hidden";
          hidden.name = input.name + "-upload";
          hidden.value = token;
          form.append(hidden);
          input.removeAttribute("name");
          input.required = false;
        } catch (error) {
          place.bar.remove();
          place.text.textContent = error.message;
          place.text.setAttribute("role", "alert");
          throw error;
        }
      }
    } catch (error) {
      if (button) button.disabled = false;
      return;
    }
    if (button && button.name) {
      const hidden = document.createElement("input");
      hidden.type = "hidden";
      hidden.name = button.name;
      hidden.value = button.value;
      form.append(hidden);
    }
    form.submit();
  }

  document.addEventListener("submit", submitted);
})();
