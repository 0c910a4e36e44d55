// Live pages: listens to the rooms of a page and swaps the fragments that `live()` rendered.
//
// The page works without this script. With it, one stream of server-sent events per page brings
// what `publish_fragment` published, and each change is merged into the page: focus, selection,
// scrolling, half-typed input and opened <details> stay.
//
// For style sheets: <html data-lback-state="live"> or "away".
// For scripts, events of the document: "lback:message" (detail: room, id, data) for each message
// of the application, "lback:swap" at each element that changed, "lback:state" and "lback:error".
(() => {
  "use strict";

  const script = document.currentScript;
  const root = document.documentElement;
  if (!script || root.lbackLive) return;
  root.lbackLive = true;

  const FRAGMENT = "[data-lback-fragment]";
  const FIELDS = "input, select, textarea";
  const SILENCE = 45000; // ms; the server sends a comment every 15 seconds
  const HIDDEN = 10000; // ms until a page that nobody sees gives its connection back
  const LONGEST = 30000; // ms between two attempts

  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const send = (target, name, detail) =>
    target.dispatchEvent(new CustomEvent(`lback:${name}`, { bubbles: true, detail }));

  // --- Merging -------------------------------------------------------------------------------

  // By the number of swaps so far, so that an older answer does not replace a newer fragment.
  let swaps = 0;
  const swapped = new WeakMap();

  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
  const keyOf = (node) => (isElement(node) && (node.id || node.dataset?.lbackKey)) || "";

  function kindOf(node) {
    const isInput = node.nodeName === "INPUT";
    return isInput ? `INPUT ${node.type} ${node.name}` : node.nodeName;
  }

  // What a node is apart from what its visitor opened.
  function printOf(node) {
    if (!isElement(node)) return node.nodeName + node.data;
    if (!node.matches("details, dialog") && !node.querySelector("details, dialog")) {
      return node.outerHTML;
    }
    const copy = node.cloneNode(true);
    for (const one of [copy, ...copy.querySelectorAll("details, dialog")]) {
      one.removeAttribute("open");
    }
    return copy.outerHTML;
  }

  function chosen(select, isDefault) {
    const options = [...select.options].filter((o) => (isDefault ? o.defaultSelected : o.selected));
    if (!options.length && isDefault && !select.multiple) return select.options[0]?.value ?? "";
    return options.map((option) => option.value).join("\n");
  }

  const isCheckable = (field) => field.type === "checkbox" || field.type === "radio";

  function stateOf(field) {
    if (field.type === "file") return [...field.files].map((file) => file.name).join("\n");
    if (field.options) return chosen(field, false);
    return isCheckable(field) ? String(field.checked) : field.value;
  }

  function defaultOf(field) {
    if (field.type === "file") return "";
    if (field.options) return chosen(field, true);
    return isCheckable(field) ? String(field.defaultChecked) : field.defaultValue;
  }

  function setState(field, state) {
    if (stateOf(field) === state) return;
    if (field.options) {
      const values = state.split("\n");
      for (const option of field.options) option.selected = values.includes(option.value);
    } else if (isCheckable(field)) {
      field.checked = state === "true";
    } else if (field.type !== "file" || state === "") {
      field.value = state;
    }
  }

  function mergeAttributes(old, fresh) {
    const isOpenable = old.matches("details, dialog");
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !(isOpenable && name === "open")) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && !(isOpenable && name === "open")) {
        old.setAttribute(name, value);
      }
    }
  }

  function mergeField(old, fresh) {
    const state = stateOf(old);
    const isTouched = state !== defaultOf(old) || old === document.activeElement;
    mergeAttributes(old, fresh);
    if (old.options) mergeChildren(old, fresh);
    else if (old.nodeName === "TEXTAREA") old.defaultValue = fresh.defaultValue;
    // A hidden field is the server's: nobody has typed in it.
    setState(old, isTouched && old.type !== "hidden" ? state : defaultOf(old));
  }

  function merge(old, fresh, since = Infinity) {
    if (!isElement(old)) {
      old.data = fresh.data;
    } else if (old.matches(FIELDS)) {
      mergeField(old, fresh);
    } else if (!old.hasAttribute("data-lback-keep") && !(swapped.get(old) > since)) {
      mergeAttributes(old, fresh);
      const isEdited = old.isContentEditable && old.contains(document.activeElement);
      if (!isEdited) mergeChildren(old, fresh, since);
    }
  }

  // Returns for each of `fresh` the old node that it is, if any: by its id or data-lback-key, else
  // the same text, else the next one of the same kind.
  function pair(olds, oldPrints, fresh, prints) {
    const left = new Map(olds.map((node, at) => [node, at]));
    const pairs = new Array(fresh.length).fill(null);
    const take = (at, node) => {
      pairs[at] = node;
      left.delete(node);
    };
    const byKey = new Map(olds.map((node) => [keyOf(node), node]));
    fresh.forEach((node, at) => {
      const old = keyOf(node) && byKey.get(keyOf(node));
      if (old && left.has(old) && kindOf(old) === kindOf(node)) take(at, old);
    });
    const byPrint = new Map();
    for (const [node, at] of left) {
      byPrint.set(oldPrints[at], [...(byPrint.get(oldPrints[at]) ?? []), node]);
    }
    fresh.forEach((node, at) => {
      const same = pairs[at] === null && byPrint.get(prints[at])?.shift();
      if (same) take(at, same);
    });
    let last = -1;
    fresh.forEach((node, at) => {
      if (pairs[at] !== null) {
        last = Math.max(last, olds.indexOf(pairs[at]));
      } else if (!keyOf(node)) {
        for (const [old, place] of left) {
          if (place > last && !keyOf(old) && kindOf(old) === kindOf(node)) {
            last = place;
            take(at, old);
            break;
          }
        }
      }
    });
    for (const node of left.keys()) node.remove();
    return pairs;
  }

  function place(parent, node, before) {
    // It keeps focus and the state of frames, in browsers that have it.
    if (parent.moveBefore && node.isConnected) parent.moveBefore(node, before);
    else parent.insertBefore(node, before);
  }

  function mergeChildren(parent, source, since) {
    let olds = [...parent.childNodes];
    let fresh = [...source.childNodes];
    let oldPrints = olds.map(printOf);
    let prints = fresh.map(printOf);
    let start = 0;
    let oldEnd = olds.length;
    let end = fresh.length;
    while (start < oldEnd && start < end && oldPrints[start] === prints[start]) start++;
    while (oldEnd > start && end > start && oldPrints[oldEnd - 1] === prints[end - 1]) {
      oldEnd--;
      end--;
    }
    const after = olds[oldEnd] ?? null;
    [olds, oldPrints] = [olds.slice(start, oldEnd), oldPrints.slice(start, oldEnd)];
    [fresh, prints] = [fresh.slice(start, end), prints.slice(start, end)];
    const pairs = pair(olds, oldPrints, fresh, prints);
    let next = olds.find((node) => node.parentNode === parent) ?? after;
    fresh.forEach((node, at) => {
      const old = pairs[at];
      if (old && old === next) next = next.nextSibling;
      else place(parent, old ?? document.importNode(node, true), next);
      if (old && printOf(old) !== prints[at]) merge(old, node, since);
    });
  }

  // Merges, and gives the focus and the selection back where moving a node has taken them.
  function mergeKeepingFocus(work) {
    const active = document.activeElement;
    const { selectionStart, selectionEnd, selectionDirection } = active ?? {};
    work();
    if (!active || active === document.activeElement || !active.isConnected) return;
    active.focus({ preventScroll: true });
    if (typeof selectionStart === "number") {
      active.setSelectionRange(selectionStart, selectionEnd, selectionDirection);
    }
  }

  // --- Fragments -----------------------------------------------------------------------------

  const fragments = () => [...document.querySelectorAll(FRAGMENT)];
  const nameOf = (element) => `${element.dataset.lbackRoom}\n${element.dataset.lbackFragment}`;

  // A published fragment has no token for forms: that of the page is put in.
  function fillTokens(content) {
    const fields = content.querySelectorAll("input[data-lback-csrf]");
    if (!fields.length) return true;
    const token = document.querySelector('input[name="csrf_token"]:not([value=""])');
    for (const field of fields) {
      field.setAttribute("value", token?.value ?? "");
      field.removeAttribute("data-lback-csrf");
    }
    return token !== null;
  }

  function swap(element, content) {
    mergeKeepingFocus(() => mergeChildren(element, content));
    swapped.set(element, ++swaps);
    send(element, "swap", { room: element.dataset.lbackRoom });
  }

  function swapText(name, html) {
    for (const element of fragments()) {
      if (nameOf(element) !== name) continue;
      const holder = document.createElement("template");
      holder.innerHTML = html;
      if (fillTokens(holder.content)) swap(element, holder.content);
      else refetch([name]);
    }
  }

  // Fragments to be taken from the page, fetched again; one request at a time.
  const wanted = new Set();
  let isFetching = false;

  async function refetch(names, spread = 200) {
    for (const name of names) wanted.add(name);
    if (isFetching) return;
    isFetching = true;
    for (let attempt = 0; wanted.size; attempt++) {
      await wait(attempt ? delayOf(attempt) : Math.random() * spread);
      const asked = [...wanted];
      wanted.clear();
      const isDone = await fetchFragments(asked).catch(() => false);
      if (isDone) attempt = -1;
      else for (const name of asked) wanted.add(name);
    }
    isFetching = false;
  }

  // Returns false if another attempt may succeed.
  async function fetchFragments(names) {
    const since = swaps;
    const keys = names.map((name) => encodeURIComponent(name.split("\n")[1])).join(" ");
    const headers = { Accept: "text/html", "X-Lback-Fragment": keys };
    const response = await fetch(location.href, { headers, cache: "no-store" });
    if (response.status >= 500 || response.status === 429) return false;
    if (!response.ok || !isThisPage(response)) {
      // What the visitor has typed stays; what the server no longer shows is not asked for again.
      send(document, "error", { status: response.status });
      return true;
    }
    const page = parse(await response.text());
    const found = new Map([...page.querySelectorAll(FRAGMENT)].map((e) => [nameOf(e), e]));
    for (const element of fragments()) {
      const name = nameOf(element);
      if (names.includes(name) && !(swapped.get(element) > since)) {
        swap(element, found.get(name) ?? document.createDocumentFragment());
      }
    }
    return true;
  }

  const parse = (text) => new DOMParser().parseFromString(text, "text/html");

  function isThisPage(response) {
    const { origin, pathname, search } = new URL(response.url);
    return origin + pathname + search === location.origin + location.pathname + location.search;
  }

  // --- The stream ----------------------------------------------------------------------------

  let rooms = [];
  let stream = null; // the AbortController of the connection
  const positions = new Map(); // of each room, by its short hash
  let retry = 1000;
  let timer = 0;
  let leaving = 0;
  let failures = 0;

  const delayOf = (attempt) =>
    Math.min(LONGEST, retry * 2 ** Math.min(attempt - 1, 10)) * (0.5 + Math.random());

  // A connection that is back at once was not away.
  const showAwaySoon = () => (leaving ||= setTimeout(() => showState("away"), 1500));

  function showState(state) {
    clearTimeout(leaving);
    leaving = 0;
    if (root.dataset.lbackState === state) return;
    root.dataset.lbackState = state;
    send(document, "state", { state });
  }

  // The rooms of the page: those of its fragments, and those that the script was given.
  function roomsOfPage() {
    const given = (script.dataset.lbackRooms ?? "").split(" ").filter(Boolean);
    return [...new Set([...given, ...fragments().map((e) => e.dataset.lbackRoom)])].sort();
  }

  const partsOf = (text) =>
    text.split(",").filter(Boolean).map((part) => [part.slice(0, part.indexOf(".")), part]);

  // Connects where the rooms have changed, or there is no connection.
  function update() {
    const now = roomsOfPage();
    const shown = [script, ...fragments()].map((one) => one.dataset.lbackPosition ?? "");
    for (const [key, part] of partsOf(shown.join())) {
      if (!positions.has(key)) positions.set(key, part);
    }
    if (stream && now.join("\n") === rooms.join("\n")) return;
    rooms = now;
    connect();
  }

  function disconnect() {
    clearTimeout(timer);
    stream?.abort();
    stream = null;
  }

  async function connect() {
    disconnect();
    if (!rooms.length || document.hidden) return;
    const here = (stream = new AbortController());
    try {
      await listen(here);
    } catch (error) {
      if (here !== stream) return; // closed on purpose
    }
    if (here !== stream) return;
    stream = null;
    showAwaySoon();
    timer = setTimeout(connect, delayOf(++failures));
  }

  async function listen(here) {
    isEngineAway = false;
    const query = new URLSearchParams(rooms.map((room) => ["room", room]));
    query.set("last_event_id", [...positions.values()].join());
    let silence = setTimeout(() => here.abort(), SILENCE);
    try {
      const response = await fetch(`${script.dataset.lbackEvents}?${query}`, {
        headers: { Accept: "text/event-stream" },
        cache: "no-store",
        signal: here.signal,
      });
      if (!response.ok) {
        send(document, "error", { status: response.status });
        // Whether a room may be heard changes rarely.
        if (response.status < 500 && response.status !== 429) failures = 10;
        throw new Error(`status ${response.status}`);
      }
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(() => here.abort(), SILENCE);
        const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
        rest = blocks.pop();
        blocks.forEach(takeBlock);
        applyChanges();
        showState(isEngineAway ? "away" : "live");
        failures = 0;
      }
    } finally {
      clearTimeout(silence);
    }
  }

  function takeBlock(block) {
    const fields = { event: "message", data: [] };
    for (const line of block.split(/\r?\n/)) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (name === "data") fields.data.push(value);
      else if (name) fields[name] = value;
    }
    if (/^\d+$/.test(fields.retry ?? "")) retry = Number(fields.retry);
    for (const [key, part] of partsOf(fields.id ?? "")) positions.set(key, part);
    if (fields.data.length) takeEvent(fields.event, JSON.parse(fields.data.join("\n")));
  }

  // What a chunk of the stream brought: only the last state of a fragment is put into the page.
  const changes = new Map();
  let isEngineAway = false;

  function takeEvent(event, message) {
    if (event === "reload") {
      // The history does not reach back to what this page has seen.
      refetch(fragments().map(nameOf), 2000);
    } else if (event === "state") {
      isEngineAway = message.state === "away";
    } else if (event === "fragment" || event === "refresh") {
      const { fragment, html, after } = message.data;
      const isWhole = event === "fragment" && knows(message, fragment, after);
      changes.set(`${message.room}\n${fragment}`, isWhole ? html : null);
    } else {
      note(message);
      send(document, "message", message);
    }
  }

  // What this page has seen of each room: since which number, and the last one of each fragment.
  const seen = new Map();

  function note({ room, id }, fragment) {
    const [epoch, number] = [id.slice(0, id.lastIndexOf(".")), Number(id.split(".").pop())];
    let here = seen.get(room);
    if (here?.epoch !== epoch || number > here.last + 1) {
      seen.set(room, (here = { epoch, first: number, fragments: new Map() }));
    }
    const before = { ...here, number, changed: here.fragments.get(fragment) ?? 0 };
    here.last = number;
    if (fragment) here.fragments.set(fragment, number);
    return before;
  }

  // Whether a fragment was rendered with all changes of it that were published before it. Two
  // transactions at once do not see each other's: the page is then fetched again.
  function knows(message, fragment, after) {
    const { epoch, first, number, changed } = note(message, fragment);
    const known = after ? Number(after.split(".").pop()) : 0;
    if (after && after.slice(0, after.lastIndexOf(".")) !== epoch) return false;
    return known >= number - 1 || (first <= known + 1 && changed <= known);
  }

  function applyChanges() {
    for (const [name, html] of changes) {
      if (html === null) refetch([name]);
      else swapText(name, html);
    }
    changes.clear();
  }

  // --- Forms ---------------------------------------------------------------------------------

  // By form: what was sent of those that are under way, and the button for sending them once more.
  const underWay = new WeakMap();
  const fieldsOf = (form) => [...form.elements].filter((field) => field.matches(FIELDS));

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    const target = button?.getAttribute("formtarget") ?? form.getAttribute("target") ?? "";
    const method = button?.getAttribute("formmethod") ?? form.getAttribute("method") ?? "get";
    const action = button?.getAttribute("formaction") ?? form.getAttribute("action");
    const url = new URL(action || location.href, location.href);
    const isOurs = form.hasAttribute("data-lback-form") && !event.defaultPrevented;
    const isPost = method.toLowerCase() === "post" && url.origin === location.origin;
    if (!isOurs || !isPost || (target && target !== "_self") || form.lbackPlain) return;
    event.preventDefault();
    const first = underWay.get(form);
    if (!first) post(form, button, url);
    // A second click sends nothing, and what was typed since the first one is sent after it.
    else if (fieldsOf(form).some((field) => stateOf(field) !== first.sent.get(field))) {
      first.again = { button };
    }
  });

  // Sends a form as the browser would, and merges the page that the server answers with.
  async function post(form, button, url) {
    const since = swaps;
    const data = new FormData(form, button);
    const sent = new Map(fieldsOf(form).map((field) => [field, stateOf(field)]));
    const here = { sent, again: null };
    underWay.set(form, here);
    form.setAttribute("aria-busy", "true");
    showFailure(form, false);
    try {
      const type = button?.getAttribute("formenctype") ?? form.getAttribute("enctype") ?? "";
      const isMultipart = type.toLowerCase() === "multipart/form-data";
      const response = await fetch(url, {
        method: "POST",
        body: isMultipart ? data : new URLSearchParams([...data].map(asText)),
        headers: { Accept: "text/html", "X-Lback-Page": location.pathname + location.search },
      });
      await takeAnswer(response, form, button, sent, since);
    } catch (error) {
      showFailure(form, true);
      send(form, "error", { status: 0 });
    } finally {
      underWay.delete(form);
      form.removeAttribute("aria-busy");
      if (here.again && form.isConnected) form.requestSubmit(here.again.button);
    }
  }

  // Line ends as in forms that the browser sends.
  function asText([name, value]) {
    const lines = (text) => text.replace(/\r\n|\r|\n/g, "\r\n");
    return [lines(name), lines(typeof value === "string" ? value : value.name)];
  }

  async function takeAnswer(response, form, button, sent, since) {
    if (response.status >= 500) throw new Error(`status ${response.status}`);
    if (response.ok && response.redirected && !isThisPage(response)) {
      location.assign(response.url);
      return;
    }
    const isPage = (response.headers.get("Content-Type") ?? "").startsWith("text/html");
    const page = isPage ? parse(await response.text()) : null;
    if (!response.ok && !page?.querySelector("form[data-lback-form]")) {
      // Refused, and another page says why. The browser shows it: nothing has been changed.
      form.lbackPlain = true;
      form.requestSubmit(button);
      return;
    }
    if (!page) return;
    mergeKeepingFocus(() => merge(document.body, page.body, since));
    document.title = page.title;
    for (const [field, state] of sent) {
      // What was typed while the form was under way is of the next one.
      if (stateOf(field) === state) setState(field, defaultOf(field));
    }
    send(form, "sent", { status: response.status });
    update();
  }

  function showFailure(form, isFailed) {
    for (const note of form.querySelectorAll("[data-lback-failed]")) note.hidden = !isFailed;
  }

  // --- The page comes and goes -----------------------------------------------------------------

  let hiding = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    // Browsers open only six connections to a host with HTTP/1.1, for all its tabs together.
    if (document.hidden) hiding = setTimeout(disconnect, HIDDEN);
    else if (!stream) connect();
  });
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  window.addEventListener("offline", () => {
    showState("away");
    stream?.abort();
  });
  window.addEventListener("online", connect);

  update();
})();
