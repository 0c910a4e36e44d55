// Progressive enhancement of the admin: every page works without JavaScript.
"use strict";

// Texts of pages in another language than English, which the layout gives.
const texts = {
  selected: "%(number)s selected",
  results: "Search results",
  choose: "Choose one of the search results.",
  ...document.body.dataset,
};

function chooseAll(list) {
  const all = list.querySelector("[data-all]");
  const boxes = [...list.querySelectorAll('input[name="key"]')];
  const number = list.querySelector("[data-number]");
  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    number.textContent = chosen ? texts.selected.replaceAll("%(number)s", chosen) : "";
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  all.hidden = false;
  all.addEventListener("change", () => {
    boxes.forEach((box) => { box.checked = all.checked; });
    count();
  });
  boxes.forEach((box) => box.addEventListener("change", count));
  count();
}

function addRows(part) {
  const template = part.querySelector("template");
  const total = part.querySelector(`[name="${part.dataset.inline}-count"]`);
  const place = part.querySelector(".more");
  place.hidden = false;
  place.querySelector("[data-add]").addEventListener("click", () => {
    const row = template.content.firstElementChild.cloneNode(true);
    for (const element of row.querySelectorAll("*")) {
      for (const attribute of element.attributes) {
        attribute.value = attribute.value.replaceAll("__prefix__", total.value);
      }
    }
    total.value = Number(total.value) + 1;
    part.insertBefore(row, place);
    row.querySelectorAll("[data-find]").forEach(makePicker);
    row.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  });
}

// Tabs (WAI-ARIA) of sections that are shown one below the other without JavaScript.
function makeTabs(part) {
  const panels = [...part.querySelectorAll(":scope > .translation")];
  const list = document.createElement("div");
  const open = (index) => panels.forEach((panel, number) => {
    panel.hidden = number !== index;
    tabs[number].setAttribute("aria-selected", String(number === index));
    tabs[number].tabIndex = number === index ? 0 : -1;
  });
  const tabs = panels.map((panel, number) => {
    const tab = document.createElement("button");
    const legend = panel.querySelector("legend");
    Object.assign(tab, { type: "button", id: `${panel.id}-tab` });
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    tab.append(...[...legend.childNodes].map((node) => node.cloneNode(true)));
    tab.addEventListener("click", () => open(number));
    legend.classList.add("unseen");
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    // The browser reports an invalid value only where it can be seen: the first one is shown.
    panel.addEventListener("invalid", () => {
      if (part.dataset.reported) return;
      part.dataset.reported = "true";
      setTimeout(() => delete part.dataset.reported);
      open(number);
    }, true);
    return tab;
  });
  list.className = "tablist";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-labelledby", part.getAttribute("aria-labelledby"));
  list.append(...tabs);
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const forward = getComputedStyle(list).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const back = forward === "ArrowLeft" ? "ArrowRight" : "ArrowLeft";
    const last = tabs.length - 1;
    const to = { [forward]: at === last ? 0 : at + 1, [back]: at ? at - 1 : last, Home: 0, End: last }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    open(to);
    tabs[to].focus();
  });
  part.insertBefore(list, panels[0]);
  open(Math.max(0, panels.findIndex((panel) => "open" in panel.dataset)));
}

// Combobox (WAI-ARIA): the key stays in its hidden field, and users search by words.
function makePicker(key) {
  const holder = key.parentElement;
  const chosen = holder.querySelector(".picked");
  const words = document.createElement("input");
  const options = document.createElement("ul");
  let rows = [];
  let at = -1;
  let asked = 0;
  let waiting = 0;

  options.id = `${key.id}_options`;
  options.setAttribute("role", "listbox");
  options.setAttribute("aria-label", texts.results);
  options.hidden = true;
  for (const name of ["required", "aria-describedby", "aria-invalid"]) {
    if (key.hasAttribute(name)) words.setAttribute(name, key.getAttribute(name));
    key.removeAttribute(name);
  }
  Object.assign(words, { type: "text", autocomplete: "off", value: chosen.textContent });
  words.setAttribute("role", "combobox");
  words.setAttribute("aria-expanded", "false");
  words.setAttribute("aria-controls", options.id);
  words.setAttribute("aria-autocomplete", "list");
  const id = key.id;
  key.id = `${id}_key`;
  words.id = id;
  key.type = "hidden";
  holder.querySelectorAll("a, .picked").forEach((element) => element.remove());
  holder.append(words, options);

  const close = () => {
    options.hidden = true;
    at = -1;
    words.setAttribute("aria-expanded", "false");
    words.removeAttribute("aria-activedescendant");
  };
  const mark = (index) => {
    at = index;
    [...options.children].forEach((item, number) => {
      item.setAttribute("aria-selected", String(number === at));
      if (number === at) {
        words.setAttribute("aria-activedescendant", item.id);
        item.scrollIntoView({ block: "nearest" });
      }
    });
  };
  const take = (row) => {
    key.value = row.key;
    words.value = row.label;
    words.setCustomValidity("");
    close();
  };
  const show = () => {
    options.replaceChildren(...rows.map((row, number) => {
      const item = document.createElement("li");
      item.id = `${options.id}_${number}`;
      item.setAttribute("role", "option");
      item.textContent = row.label;
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(row); });
      return item;
    }));
    options.hidden = rows.length === 0;
    words.setAttribute("aria-expanded", String(rows.length > 0));
    if (rows.length) mark(0);
  };
  const ask = async () => {
    const number = ++asked;
    const answer = await fetch(`${key.dataset.find}?q=${encodeURIComponent(words.value)}`);
    if (!answer.ok || number !== asked) return;
    rows = (await answer.json()).rows;
    show();
  };
  words.addEventListener("input", () => {
    key.value = "";
    words.setCustomValidity(words.value ? texts.choose : "");
    clearTimeout(waiting);
    waiting = setTimeout(ask, 150);
  });
  words.addEventListener("blur", close);
  words.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && options.hidden) ask();
    else if (event.key === "ArrowDown") mark((at + 1) % rows.length);
    else if (event.key === "ArrowUp" && !options.hidden) mark((at + rows.length - 1) % rows.length);
    else if (event.key === "Enter" && !options.hidden && at >= 0) take(rows[at]);
    else if (event.key === "Escape" && !options.hidden) close();
    else return;
    event.preventDefault();
  });
}

function keepEntered(form) {
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}

function shortcuts(event) {
  const form = document.querySelector("[data-edit]");
  if ((event.ctrlKey || event.metaKey) && event.key === "s" && form?.querySelector("[name=_continue]")) {
    event.preventDefault();
    form.requestSubmit(form.querySelector("[name=_continue]"));
  }
  const search = document.getElementById("search");
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && search && !typing) {
    event.preventDefault();
    search.focus();
  }
}

document.querySelectorAll(".chosen").forEach((list) => {
  if (list.querySelector("[data-all]")) chooseAll(list);
});
document.querySelectorAll("[data-inline]").forEach(addRows);
document.querySelectorAll("[data-tabs]").forEach(makeTabs);
document.querySelectorAll("[data-find]").forEach(makePicker);
document.querySelectorAll("[data-edit]").forEach(keepEntered);
document.addEventListener("keydown", shortcuts);
