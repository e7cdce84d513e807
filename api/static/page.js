// What the form and the catalogue gain from scripts; everything works without.
"use strict";

const WAIT_MS = 120;

function later(work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, WAIT_MS);
  };
}

// A slider beside each limit: equal steps are equal factors, two digits are enough for a limit.
function addSlider(input) {
  const { slider: words, unit } = input.dataset;
  const least = Number(input.dataset.least);
  const span = Math.log(Number(input.dataset.most) / least);
  const range = document.createElement("input");
  Object.assign(range, { type: "range", min: 0, max: 100, step: 1 });
  range.setAttribute("aria-label", `${words}, as a slider`);
  const follow = () => {
    const value = Number(input.value);
    const known = input.value.trim() !== "" && value > 0;
    range.value = known ? (100 * Math.log(value / least)) / span : 100;
    range.setAttribute("aria-valuetext", known ? `${input.value} ${unit}` : "no limit");
  };
  range.addEventListener("input", () => {
    input.value = String(Number((least * Math.exp((range.value / 100) * span)).toPrecision(2)));
    range.setAttribute("aria-valuetext", `${input.value} ${unit}`);
  });
  input.addEventListener("input", follow);
  follow();
  input.after(range);
}

// The memory bar is made by the server; while somebody types, the newest question wins.
function keepMemory(form) {
  let asked = null;
  const show = async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch("/memory-bar", { method: "POST", body, signal: asked.signal });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const words = document.getElementById("memory-words");
      words.className = fresh.getElementById("memory-words").className;
      words.replaceChildren(...fresh.getElementById("memory-words").childNodes);
      document.getElementById("memory-figures").replaceWith(fresh.getElementById("memory-figures"));
    } catch (error) {
      if (error.name !== "AbortError") console.warn("no memory bar:", error.message);
    }
  };
  const soon = later(show);
  form.addEventListener("input", soon);
  form.querySelector(".by-hand").hidden = true;
}

// A kind of traffic is filled in at once instead of by a round trip.
function fillAtOnce(button) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    for (const [name, value] of Object.entries(JSON.parse(button.dataset.fill))) {
      const field = document.getElementById(name);
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
}

// Rows of a table are hidden as the search box is filled; without scripts the server does it.
function searchAtOnce(box) {
  const rows = [...document.querySelectorAll("[data-searched] tbody tr")];
  const told = document.getElementById("found");
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    told.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  });
}

document.querySelectorAll("[data-slider]").forEach(addSlider);
document.querySelectorAll("[data-fill]").forEach(fillAtOnce);
document.querySelectorAll("[data-search]").forEach(searchAtOnce);
const form = document.getElementById("plan-form");
if (form) keepMemory(form);
