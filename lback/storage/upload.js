// Uploads the files of forms in parts (tus 1.0.0), shows the progress, and resumes after an
// interruption. A form without this script sends its files at once, as forms do.
"use strict";

(function () {
  const PART = 8 * 1024 * 1024;
  const ATTEMPTS = 8;
  const HEADERS = { "Tus-Resumable": "1.0.0" };

  function fields(form, more) {
    const token = form.querySelector('input[name="csrf_token"]');
    return Object.assign({}, HEADERS, token ? { "X-CSRF-Token": token.value } : {}, more);
  }

  function encoded(text) {
    return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  }

  function memory(file, collection) {
    return ["lback-upload", collection, file.name, file.size, file.lastModified].join("|");
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
    if (answer.status !== 201) throw new Error(await reason(answer));
    const url = answer.headers.get("Location");
    localStorage.setItem(memory(file, collection), url);
    return { url: url, offset: 0 };
  }

  async function reason(answer) {
    return "The upload was refused (" + answer.status + ").";
  }

  function send(form, url, offset, part, progress) {
    return new Promise(function (resolve, reject) {
      const request = new XMLHttpRequest();
      request.open("PATCH", url);
      const all = fields(form, {
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": String(offset),
      });
      for (const name of Object.keys(all)) request.setRequestHeader(name, all[name]);
      request.upload.onprogress = function (event) {
        progress(offset + event.loaded);
      };
      request.onerror = reject;
      request.onload = function () {
        resolve(request);
      };
      request.send(part);
    });
  }

  async function upload(form, input, file, progress) {
    let state = await started(form, input, file);
    let failures = 0;
    while (state.offset < file.size) {
      progress(state.offset);
      try {
        const part = file.slice(state.offset, state.offset + PART);
        const answer = await send(form, state.url, state.offset, part, progress);
        if (answer.status === 204) {
          state.offset = Number(answer.getResponseHeader("Upload-Offset"));
          failures = 0;
          continue;
        }
        if (answer.status !== 409 && answer.status < 500) {
          localStorage.removeItem(memory(file, input.dataset.uploads));
          throw new TypeError("The upload was refused (" + answer.status + ").");
        }
      } catch (error) {
        if (error instanceof TypeError) throw error;
      }
      failures += 1;
      if (failures > ATTEMPTS) throw new TypeError("The connection was lost. Send the form again.");
      await new Promise((resolve) => setTimeout(resolve, 500 * failures));
      state = await started(form, input, file).catch(() => state);
    }
    progress(file.size);
    localStorage.removeItem(memory(file, input.dataset.uploads));
    return state.url.split("/").pop();
  }

  function shown(input) {
    const line = document.createElement("p");
    const bar = document.createElement("progress");
    const text = document.createElement("span");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", "Upload");
    text.setAttribute("role", "status");
    line.append(bar, " ", text);
    input.insertAdjacentElement("afterend", line);
    return { line: line, bar: bar, text: text };
  }

  async function submitted(event) {
    const form = event.target;
    const inputs = Array.from(form.querySelectorAll("input[type=file][data-uploads]"));
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
            place.text.textContent = Math.floor(place.bar.value * 100) + " %";
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
