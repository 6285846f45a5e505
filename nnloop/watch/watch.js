"use strict";
// Whatever comes from a run is put on the page as text, never as markup.

const runs = document.getElementById("runs");
const dialog = document.getElementById("answer");
const SVG = "http://www.w3.org/2000/svg";

function make(name, text, kind) {
  const element = document.createElement(name);
  if (text !== undefined && text !== null) element.textContent = String(text);
  if (kind) element.className = kind;
  return element;
}

function draw(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = String(text);
  return element;
}

const percent = (value, digits = 1) => (value === null || value === undefined ? "-" : (100 * value).toFixed(digits));
const count = (value) => (value === null || value === undefined ? "-" : Math.round(value).toLocaleString("en"));

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds < 60) return `${seconds.toFixed(0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function tile(value, name, note) {
  const box = make("div", undefined, "tile");
  box.append(make("b", value), name, make("span", note));
  return box;
}

function bar(title, value, most) {
  const progress = make("progress");
  progress.max = Math.max(1, most);
  progress.value = value;
  return [make("span", title), progress, make("span", `${count(value)} of ${count(most)}`)];
}

function bars(run) {
  const box = make("div", undefined, "bars");
  box.append(...bar("cycles", run.closed, run.cycles));
  if (run.closed < run.cycles) {
    box.append(...bar("written", run.written, run.candidates), ...bar("judged", run.judged, run.candidates));
    if (run.step) box.append(...bar(`fine-tune, loss ${run.step.loss.toFixed(3)}`, run.step.step, run.step.steps));
  }
  return box;
}

function tiles(run) {
  const box = make("div", undefined, "tiles");
  const [valid, first] = run.valid;
  const best = run.best;
  box.append(
    tile(best ? `${percent(best.accuracy, 2)} %` : "-", "best so far", best ? `cycle ${best.cycle}, slot ${best.slot}; test ${percent(best.test, 2)} %` : "no valid network yet"),
    tile(first ? `${percent(valid / first)} %` : "-", "valid", `${count(valid)} of ${count(first)}`),
    tile(count(run.admitted), "admitted", "networks"),
    tile(count(run.tokens), "tokens", run.joules === null ? "generated" : `generated; ${(run.joules / 3.6e6).toFixed(2)} kWh`),
    tile(duration(run.seconds), "spent", "wall time"),
  );
  if (run.state === "running") {
    const ends = run.ends === null ? "known once a candidate is judged" : `about ${new Date(1000 * run.ends).toLocaleString()}`;
    box.append(tile(duration(run.left), "left", ends));
  }
  const known = run.incumbent;
  if (known) {
    const range = (one) => `95%: [${percent(one.low)}, ${percent(one.high)}]`;
    box.append(tile(`${percent(known.validation.value)} %`, "incumbent", range(known.validation)));
    box.append(tile(`${percent(known.test.value)} %`, "incumbent, test", range(known.test)));
  }
  return box;
}

function chart(run) {
  if (!run.dots.length) return make("p", "no valid network yet", "sub");
  const [width, height, left, low] = [460, 150, 34, 22];
  const values = run.dots.map(([, y]) => y).concat(run.best_line.map(([, y]) => y));
  const [bottom, top] = [Math.min(...values), Math.max(...values) + 1e-6];
  const first = run.dots[0][0];
  const last = Math.max(first + 1, run.dots[run.dots.length - 1][0]);
  const px = (x) => left + ((Math.max(x, first) - first) / (last - first)) * (width - left - 8);
  const py = (y) => 8 + (1 - (y - bottom) / (top - bottom)) * (height - low - 12);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "accuracy by candidate" });
  for (const y of [bottom, top]) {
    svg.append(draw("line", { class: "grid", x1: left, x2: width, y1: py(y), y2: py(y) }));
    svg.append(draw("text", { class: "end", x: left - 4, y: py(y) + 4 }, percent(y, 0)));
  }
  svg.append(draw("text", { class: "title", x: left, y: height - 4 }, "validation accuracy, %, by candidate; line: best so far"));
  for (const [x, y] of run.dots) svg.append(draw("circle", { class: "dot s0", cx: px(x), cy: py(y), r: 2.5 }));
  let path = "";
  for (const [x, y] of run.best_line) {
    path += path ? `H${px(x)}V${py(y)}` : `M${px(x)} ${py(y)}`;
  }
  if (path) svg.append(draw("path", { class: "line s1", d: `${path}H${px(last)}`, fill: "none" }));
  return svg;
}

function trials(run) {
  if (!run.trials.length) return null;
  const now = Date.now() / 1000;
  const told = run.trials.map((one) => `${one.place} (${duration(Math.max(0, now - one.since))})`);
  return make("p", `on trial, by cycle.slot: ${told.join(", ")}`, "sub");
}

async function open(number, answer) {
  const reply = await fetch(`answer?run=${number}&cycle=${answer.cycle}&slot=${answer.slot}`);
  const known = reply.ok ? await reply.json() : { text: "no longer kept here; the run's folder has it", prompt: "" };
  document.getElementById("answer-title").textContent = `cycle ${answer.cycle + 1}, slot ${answer.slot + 1}`;
  document.getElementById("answer-text").textContent = known.text;
  document.getElementById("answer-prompt").textContent = known.prompt;
  dialog.showModal();
}

function answers(run, number) {
  const box = make("div", undefined, "scroll answers");
  const table = make("table");
  for (const one of run.answers) {
    const row = make("tr");
    const button = make("button", `${one.cycle + 1}.${one.slot + 1}`);
    button.addEventListener("click", () => open(number, one));
    const place = make("td");
    place.append(button);
    const outcome = one.accuracy === null ? one.status || "not judged yet" : `${one.status} ${percent(one.accuracy)} %`;
    row.append(place, make("td", outcome, "text"), make("td", one.reason || one.line, "wrap mono narrow"));
    row.append(make("td", `${count(one.tokens)} tokens`, "narrow"));
    table.append(row);
  }
  box.append(table);
  return box;
}

function details(title, content, id, isOpen) {
  const box = make("details");
  box.id = id;
  box.open = isOpen;
  box.append(make("summary", title), content);
  return box;
}

function card(run, number) {
  const box = make("section", undefined, "run");
  box.append(make("h2", run.name));
  const line = make("p");
  line.append(make("span", run.state, `badge ${run.state}`));
  if (run.state === "unreadable") {
    line.append(` ${run.error}`);
    box.append(line);
    return box;
  }
  const words = { silent: `${run.holder} has not been heard of`, running: `cycle ${run.cycle} of ${run.cycles}: ${run.stage || "starting"}` };
  line.append(` ${words[run.state] || `${run.closed} of ${run.cycles} cycles are closed`} `);
  if (run.report) {
    const link = make("a", "report");
    link.href = `report?run=${number}`;
    link.target = "_blank";
    link.rel = "noopener";
    line.append(link);
  }
  box.append(line);
  if (run.error) box.append(make("p", run.error, "sub"));
  box.append(bars(run), tiles(run), chart(run));
  const running = trials(run);
  if (running) box.append(running);
  const id = `answers-${number}`;
  const before = document.getElementById(id);
  const place = before ? before.querySelector(".answers").scrollTop : 0;
  if (run.answers.length) {
    box.append(details(`newest answers (${run.answers.length})`, answers(run, number), id, before ? before.open : true));
    box.dataset.scroll = String(place);
  }
  return box;
}

function show(state) {
  state.runs.forEach((run, number) => {
    const text = JSON.stringify(run);
    const old = runs.children[number];
    if (old && old.dataset.state === text && !run.trials?.length) return;
    const held = document.activeElement && old && old.contains(document.activeElement) ? document.activeElement.textContent : null;
    const fresh = card(run, number);
    fresh.dataset.state = text;
    if (old) old.replaceWith(fresh);
    else runs.append(fresh);
    const list = fresh.querySelector(".answers");
    if (list) list.scrollTop = Number(fresh.dataset.scroll || 0);
    if (held) [...fresh.querySelectorAll("button, summary")].find((one) => one.textContent === held)?.focus();
  });
  const left = state.left_out ? `; ${state.left_out} more are not shown` : "";
  document.getElementById("status").textContent = `${state.runs.length} run${state.runs.length === 1 ? "" : "s"}${left}, as of ${new Date(1000 * state.time).toLocaleTimeString()}`;
}

document.getElementById("answer-close").addEventListener("click", () => dialog.close());
const source = new EventSource("events");
source.addEventListener("state", (event) => show(JSON.parse(event.data)));
source.addEventListener("error", () => {
  document.getElementById("status").textContent = "the connection is lost; trying again";
});
