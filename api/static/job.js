// Follows a running job: its figures and its chart change in place, and the answer opens when it is there.
"use strict";

const card = document.querySelector("[data-job]");
const place = document.getElementById("progress");
const said = document.getElementById("said");
const path = `/jobs/${encodeURIComponent(card.dataset.job)}`;
let asking = false;
let again = false;

async function refresh() {
  if (asking) {
    again = true; // one request at a time; what happens meanwhile is in the next one
    return;
  }
  asking = true;
  try {
    const answer = await fetch(`${path}/progress`);
    if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    console.warn("no progress:", error.message);
  }
  asking = false;
  if (again) {
    again = false;
    refresh();
  }
}

function show(fresh) {
  const open = place.querySelector("details")?.open;
  const focused = place.contains(document.activeElement);
  if (focused) return; // somebody reads the table with the keyboard: it is not taken away
  place.replaceChildren(...fresh.body.childNodes);
  const details = place.querySelector("details");
  if (details && open) details.open = true;
  const words = document.getElementById("now").textContent.replace(/\s+/g, " ").trim();
  if (said.textContent !== words) said.textContent = words;
  tick();
}

function tick() {
  const clock = place.querySelector("[data-since]");
  if (!clock) return;
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(clock.dataset.since)) / 1000));
  clock.textContent = `${seconds} s`;
}

const events = new EventSource(`/v1/plan-jobs/${encodeURIComponent(card.dataset.job)}/events`);
for (const kind of ["progress", "incumbent", "log"]) events.addEventListener(kind, refresh);
events.addEventListener("done", () => {
  events.close();
  location.replace(path);
});
setInterval(tick, 1000);
