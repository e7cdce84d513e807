// Adds to pages that are complete without it: charts that can be pointed at, sliders, copy buttons.
"use strict";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function axis(described) {
  const range = described.log ? described.range.map(Math.log10) : described.range;
  return {
    title: { text: described.title }, type: described.log ? "log" : "linear", range,
    gridcolor: colour("line"), linecolor: colour("edge"), zeroline: false, automargin: true,
    tickmode: "array", tickvals: described.ticks, ticktext: described.labels,
  };
}

function traces(data) {
  const lines = data.lines.map((line) => ({
    name: line.name, x: line.x, y: line.y, mode: "lines", hoverinfo: "skip",
    line: { color: colour("quiet"), width: 2 },
  }));
  const points = data.series.map((series) => ({
    name: series.name, mode: "markers+text", cliponaxis: false,
    x: series.points.map((p) => p.x), y: series.points.map((p) => p.y),
    text: series.points.map((p) => (p.link ? p.label : "")), textfont: { color: colour("on"), size: 11 },
    hovertext: series.points.map((p) => p.words), hoverinfo: "text",
    customdata: series.points.map((p) => p.link),
    marker: {
      symbol: series.shape, color: colour(series.colour), opacity: 1,
      size: series.points.map((p) => p.size + 2), line: { color: colour("paper"), width: 1.5 },
    },
  }));
  return [...lines, ...points];
}

function layout(data) {
  const wanted = data.wanted === null ? [] : [{
    type: "rect", xref: "x", yref: "paper", x0: data.wanted, x1: data.x.range[1], y0: 0, y1: 1,
    fillcolor: colour("good-ground"), line: { width: 0 }, layer: "below",
    label: { text: data.wantedWords, textposition: "top left", font: { color: colour("good") } },
  }];
  return {
    xaxis: axis(data.x), yaxis: axis(data.y), shapes: wanted, showlegend: false, hovermode: "closest",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: colour("ink"), size: 13 },
    margin: { l: 20, r: 12, t: 12, b: 20 }, height: 380, dragmode: false,
    hoverlabel: { bgcolor: colour("paper"), bordercolor: colour("edge"), font: { color: colour("ink") } },
  };
}

async function draw(holder) {
  const data = JSON.parse(document.getElementById(holder.dataset.chart).textContent);
  const plot = document.createElement("div");
  plot.setAttribute("aria-hidden", "true");
  const drawn = holder.querySelector("svg");
  holder.append(plot);
  try {
    await Plotly.newPlot(plot, traces(data), layout(data), { displayModeBar: false, responsive: true });
  } catch (error) {
    plot.remove(); // the drawing of the server stays
    return;
  }
  // the drawing stays for those who listen; who looks sees the other one
  drawn.classList.add("hidden");
  drawn.querySelectorAll("a").forEach((link) => link.setAttribute("tabindex", "-1")); // the table has the same links
  plot.on("plotly_click", (event) => {
    const link = event.points[0].customdata;
    if (link) open_plan(link);
  });
}

function open_plan(link) {
  const target = document.querySelector(link);
  if (target instanceof HTMLDetailsElement) target.open = true;
  location.hash = link;
}

function charts() {
  const holders = [...document.querySelectorAll("[data-chart]")];
  if (!holders.length || typeof Plotly === "undefined") return;
  holders.forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const holder of holders) {
      const plot = holder.querySelector(".js-plotly-plot");
      const data = JSON.parse(document.getElementById(holder.dataset.chart).textContent);
      if (plot) Plotly.react(plot, traces(data), layout(data));
    }
  });
}

function sliders() {
  for (const field of document.querySelectorAll("input[data-low]")) {
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = field.dataset.low;
    slider.max = field.dataset.high;
    slider.step = field.dataset.step;
    slider.value = field.value;
    slider.setAttribute("aria-label", `${field.dataset.words}, slider`);
    slider.addEventListener("input", () => { field.value = slider.value; });
    field.addEventListener("input", () => { slider.value = field.value; });
    field.after(slider);
  }
}

function copies() {
  if (!navigator.clipboard) return;
  for (const source of document.querySelectorAll("pre[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "second copy";
    button.textContent = `Copy ${source.dataset.copy}`;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    });
    source.before(button);
  }
}

// a link to a plan opens it, also when the page is entered by one
function targets() {
  const shown = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
  if (shown instanceof HTMLDetailsElement) shown.open = true;
}

charts();
sliders();
copies();
targets();
addEventListener("hashchange", targets);
