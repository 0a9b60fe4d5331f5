// The review page: shows one pair at a time and sends what the reviewer says. Texts enter the page as text only.
"use strict";

const KEPT_NAME = "crossfade-reviewer";
const LOOK_AGAIN_MS = 3000;
const FIRST_REASON = 4;
const SAID = { left: "left is better", right: "right is better", tie: "neither", skip: "skipped" };
const KEYS = { 1: "left", a: "left", 2: "right", b: "right", 3: "tie", t: "tie", s: "skip" };

const base = location.pathname.replace(/\/$/, "");
const at = (id) => document.getElementById(id);
let reviewer = "";
let shown = null;
let canUndo = false;
let busy = false;
let timer = 0;

/** Asks the gateway, and gives its answer and whether it is one. */
async function ask(path, body) {
  const order = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(base + path, { ...order, cache: "no-store" });
  if (response.status === 401) {
    location.reload();
  }
  return { status: response.status, body: await response.json() };
}

/** Does one thing at a time, and shows what came of it, with what to say of it. */
async function act(path, body, done) {
  if (busy) {
    return;
  }
  busy = true;
  clearTimeout(timer);
  try {
    const { status, body: sheet } = await ask(path, body);
    if (status === 200) {
      show(sheet);
      if (done !== undefined) {
        at("last").textContent = done;
      }
    } else {
      refuse(status, sheet.error);
    }
  } catch {
    say("The gateway cannot be reached. What you do next is tried again.");
    timer = setTimeout(next, LOOK_AGAIN_MS);
  } finally {
    busy = false;
  }
}

const next = () => act("/next?reviewer=" + encodeURIComponent(reviewer));

function refuse(status, error) {
  say(error);
  if (status === 410) {
    timer = setTimeout(next, 0);
    shown = null;
  } else if (status === 403) {
    askName();
  }
}

function say(text) {
  at("message").textContent = text;
}

function show(sheet) {
  const { pair, judged, waiting, undo } = sheet;
  const isNew = pair && (!shown || shown.id !== pair.id);
  if (pair || !shown) {
    say("");
  }
  shown = pair;
  canUndo = undo;
  at("question").textContent = sheet.question;
  document.title = sheet.question + " · Crossfade";
  at("progress").textContent = `${judged} judged, ${waiting} waiting`;
  at("rename").textContent = `as ${reviewer}`;
  at("rename").setAttribute("aria-label", `You review as ${reviewer}. Change the name`);
  at("rename").hidden = false;
  at("name-form").hidden = true;
  at("idle").hidden = Boolean(pair);
  at("idle").textContent = sheet.decided
    ? "The experiment has its verdict. Nothing more is to be judged."
    : "Nothing waits for you. This page looks again by itself.";
  at("pair").hidden = !pair;
  at("verdicts").hidden = !pair && !undo;
  for (const button of document.querySelectorAll("[data-verdict]")) {
    button.hidden = !pair;
  }
  at("undo").setAttribute("aria-disabled", String(!undo));
  if (isNew) {
    for (const part of ["request", "left", "right"]) {
      const place = at(part);
      place.textContent = pair[part].text || "(empty)";
      place.classList.toggle("json", pair[part].json);
      place.scrollTop = 0;
    }
    offer(sheet.reasons);
    at("note").value = "";
    window.scrollTo(0, 0);
  }
  if (!pair) {
    timer = setTimeout(lookAgain, LOOK_AGAIN_MS);
  }
}

function lookAgain() {
  if (document.hidden) {
    timer = setTimeout(lookAgain, LOOK_AGAIN_MS);
  } else {
    next();
  }
}

function offer(reasons) {
  const group = at("reasons");
  group.hidden = reasons.length === 0;
  group.querySelectorAll("label").forEach((chip) => chip.remove());
  for (const [place, reason] of reasons.entries()) {
    const chip = document.createElement("label");
    const box = document.createElement("input");
    const text = document.createElement("span");
    chip.className = "chip";
    box.type = "checkbox";
    box.value = reason;
    text.textContent = reason;
    if (FIRST_REASON + place <= 9) {
      const key = document.createElement("kbd");
      key.textContent = FIRST_REASON + place;
      text.prepend(key, " ");
      box.setAttribute("aria-keyshortcuts", key.textContent);
    }
    chip.append(box, text);
    group.append(chip);
  }
}

function judge(verdict) {
  if (!shown) {
    return;
  }
  const reasons = [...document.querySelectorAll("#reasons input:checked")].map((box) => box.value);
  document.activeElement?.blur();
  const done = "Last: " + SAID[verdict];
  act("/verdict", { reviewer, id: shown.id, verdict, reasons, note: at("note").value }, done);
}

function undo() {
  if (canUndo) {
    act("/undo", { reviewer }, "Taken back");
  }
}

/** Picks a reason by its number, or drops it. */
function pick(place) {
  const box = document.querySelectorAll("#reasons input")[place];
  if (box) {
    box.checked = !box.checked;
  }
}

/** Scrolls both answers; where they are not cut off, the page. */
function scroll(direction) {
  const by = 0.8 * direction;
  for (const answer of [at("left"), at("right")]) {
    answer.scrollBy({ top: by * answer.clientHeight });
  }
  window.scrollBy({ top: by * window.innerHeight });
}

function askName() {
  clearTimeout(timer);
  shown = null;
  for (const id of ["pair", "verdicts", "idle", "rename"]) {
    at(id).hidden = true;
  }
  at("name-form").hidden = false;
  at("name").value = reviewer;
  at("name").focus();
}

function onKey(event) {
  const typing = event.target.matches("input:not([type=checkbox])");
  const isNote = event.target === at("note");
  if (isNote && !event.isComposing && (event.key === "Escape" || event.key === "Enter")) {
    event.target.blur();
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || at("keys").open) {
    return;
  }
  if (event.key === "j" || event.key === "k") {
    scroll(event.key === "j" ? 1 : -1);
    event.preventDefault();
    return;
  }
  if (event.repeat) {
    return;
  }
  if (event.key === "?") {
    at("keys").showModal();
  } else if (at("verdicts").hidden) {
    return;
  } else if (event.key === "u") {
    undo();
  } else if (event.key === "n") {
    at("note").focus();
  } else if (event.key >= String(FIRST_REASON) && event.key <= "9") {
    pick(event.key - FIRST_REASON);
  } else if (Object.hasOwn(KEYS, event.key)) {
    judge(KEYS[event.key]);
  } else {
    return;
  }
  event.preventDefault();
}

at("place").textContent = base.split("/").slice(2).map(decodeURIComponent).join(" / ");
at("name-form").addEventListener("submit", (event) => {
  event.preventDefault();
  reviewer = at("name").value.trim();
  if (reviewer) {
    localStorage.setItem(KEPT_NAME, reviewer);
    say("");
    next();
  }
});
at("rename").addEventListener("click", askName);
at("undo").addEventListener("click", undo);
at("help").addEventListener("click", () => at("keys").showModal());
document.querySelectorAll("[data-verdict]").forEach((button) => {
  button.addEventListener("click", () => judge(button.dataset.verdict));
});
document.addEventListener("keydown", onKey);
reviewer = localStorage.getItem(KEPT_NAME) || "";
if (reviewer) {
  next();
} else {
  askName();
}
