"use strict";
// The table of all completions. What an LLM wrote enters the page through textContent alone.
(async () => {
  const PAGE = 100, MOST = 80; // rows shown at once; networks of a tree
  const find = (id) => document.getElementById(id);
  const packed = Uint8Array.from(atob(find("data").textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const data = await new Response(stream).json();
  const column = Object.fromEntries(data.columns.map((name, index) => [name, index]));
  const state = { key: column["accuracy, %"], down: true, text: "", status: "", shown: PAGE };

  function make(name, content = "", attributes = {}) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    for (const part of [content].flat()) element.append(part instanceof Node ? part : visible(String(part)));
    return element;
  }

  // Control and direction characters as escapes, as in the rest of the page.
  function visible(text) {
    const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
    return text.replace(hidden, (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"));
  }

  const children = {};
  for (const [name, parent] of Object.entries(data.parents)) (children[parent] ??= []).push(name);
  const rowOf = (name) => data.rows.find((one) => one[column.network] === name && one[column.status] !== "duplicate");
  const title = (id) => data.names[id] ?? id;
  const place = (row) => `${row[column.cycle] - 1}-${row[column.slot]}`;

  function matching() {
    const wanted = state.text.toLowerCase();
    const rows = data.rows.filter((row) =>
      (!state.status || row[column.status] === state.status) &&
      (!wanted || [row[column.network], row[column.reason], title(row[column.parent]), row[column.status]]
        .some((value) => String(value ?? "").toLowerCase().includes(wanted))));
    const sign = state.down ? -1 : 1;
    return rows.sort((a, b) => compare(a[state.key], b[state.key], sign));
  }

  function compare(a, b, sign) {
    if (a === null || b === null) return (a === null) - (b === null); // missing values come last
    return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
  }

  function render() {
    const rows = matching();
    const head = make("tr", data.columns.map((name, index) => {
      const button = make("button", name, { type: "button" });
      button.onclick = () => sortBy(index);
      const cell = make("th", button, { scope: "col" });
      if (index === state.key) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      if (index === state.key) button.append(state.down ? " ▾" : " ▴");
      return cell;
    }));
    const body = rows.slice(0, state.shown).map((row) => make("tr", row.map((value, index) => cell(row, value, index))));
    find("table").replaceChildren(make("table", [make("thead", head), make("tbody", body)]));
    find("count").textContent = `${Math.min(rows.length, state.shown)} of ${rows.length}`;
    find("more").hidden = rows.length <= state.shown;
  }

  function cell(row, value, index) {
    if (index === column.network || (index === column.status && !row[column.network])) {
      return make("td", make("a", value ?? "", { href: `#c-${place(row)}` }), { class: "mono" });
    }
    if (index === column.parent) return make("td", title(value), { class: "mono" });
    if (index === column.reason) return make("td", value, { class: "wrap" });
    return make("td", value === null ? "-" : shown(value));
  }

  function shown(value) {
    return typeof value === "number" ? value.toLocaleString("en") : value;
  }

  function sortBy(index) {
    state.down = index === state.key ? !state.down : typeof data.rows[0]?.[index] === "number";
    state.key = index;
    render();
  }

  function tools() {
    const text = make("input", "", { type: "search", placeholder: "network, parent, reason", "aria-label": "filter" });
    text.oninput = () => { state.text = text.value; state.shown = PAGE; render(); };
    const names = [...new Set(data.rows.map((row) => row[column.status]))].sort();
    const status = make("select", [make("option", "every status", { value: "" }),
      ...names.map((name) => make("option", name, { value: name }))], { "aria-label": "status" });
    status.onchange = () => { state.status = status.value; state.shown = PAGE; render(); };
    const more = make("button", `show ${PAGE} more`, { type: "button", id: "more" });
    more.onclick = () => { state.shown += PAGE; render(); };
    find("tools").append(text, status, make("span", "", { id: "count", class: "sub" }), more);
  }

  function fold(name, content, open) {
    return make("details", [make("summary", name), content], open ? { open: "" } : {});
  }

  function diff(text) {
    const kind = (line) => /^(---|\+\+\+|@@)/.test(line) ? "hunk" : { "+": "add", "-": "del" }[line[0]] ?? "";
    return make("pre", make("code", text.split("\n").map((line) => make("span", line + "\n", { class: kind(line) })),
      { class: "diff" }));
  }

  // The network, its parent, and so on back to the corpus.
  function lineage(id) {
    const line = [id];
    while (data.parents[line.at(-1)] && !line.includes(data.parents[line.at(-1)])) line.push(data.parents[line.at(-1)]);
    return line;
  }

  // The family of a network: its line back to the corpus, all children of the networks on that line, and its own
  // descendants. A child is indented under its parent.
  function tree(id) {
    const line = lineage(id), nodes = [];
    const place = (name, depth, parent) => {
      const node = { name, depth, parent, row: nodes.length, mine: line.includes(name) };
      nodes.push(node);
      const own = children[name] ?? [];
      const shown = node.mine || descends(name, id) ? own : [];
      node.more = own.length - shown.length;
      for (const child of shown) {
        if (nodes.length < MOST || line.includes(child)) place(child, depth + 1, node);
        else node.more += 1;
      }
    };
    place(line.at(-1), 0, null);
    return nodes;
  }

  function descends(name, from) {
    return lineage(name).includes(from);
  }

  function draw(id) {
    const nodes = tree(id);
    const STEP = 22, INDENT = 26, deepest = Math.max(...nodes.map((node) => node.depth));
    const size = [deepest * INDENT + 330, nodes.length * STEP + 8];
    const x = (node) => 10 + node.depth * INDENT, y = (node) => 14 + node.row * STEP;
    const mineLast = nodes.filter((node) => node.parent).sort((a, b) => a.mine - b.mine); // on top
    const parts = mineLast.map((node) =>
      shape("path", { d: `M${x(node.parent)} ${y(node.parent)}V${y(node)}H${x(node)}`, class: node.mine ? "branch mine" : "branch" }));
    for (const node of nodes) {
      const row = rowOf(node.name), accuracy = row?.[column["accuracy, %"]];
      const words = [title(node.name), accuracy == null ? "" : `${accuracy} %`, node.more ? `+${node.more}` : ""];
      const label = shape("text", { x: x(node) + 10, y: y(node) + 4, class: node.name === id ? "own" : "" });
      label.textContent = visible(words.filter(Boolean).join(" · "));
      const dot = shape("circle", { cx: x(node), cy: y(node), r: 5, class: row?.[column.admitted] ? "dot s2" : "dot s6" });
      if (!row) { parts.push(dot, label); continue; }
      const link = shape("a", { href: `#n-${node.name}` });
      link.append(dot, label);
      parts.push(link);
    }
    const drawn = shape("svg", { viewBox: `0 0 ${size[0]} ${size[1]}`, width: size[0], height: size[1], role: "img", class: "tree" });
    drawn.append(...parts);
    return make("div", drawn, { class: "scroll" });
  }

  function shape(name, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  }

  function open(row) {
    const id = row[column.network];
    const close = make("button", "close", { type: "button" });
    close.onclick = () => find("dialog").close();
    const facts = data.columns.map((name, index) => [name, row[index]])
      .filter(([name, value]) => value !== null && value !== "" && !["cycle", "slot", "network", "parent"].includes(name))
      .map(([name, value]) => name.endsWith(", %") ? `${name.slice(0, -3)} ${value} %` : `${name} ${shown(value)}`);
    const parts = [make("header", [make("b", `${id ?? "no network"}, cycle ${row[column.cycle]}, slot ${row[column.slot]}`), close]),
      make("p", facts.join(" · "), { class: "sub" })];
    const line = id ? lineage(id) : [];
    if (line.length > 1) {
      parts.push(draw(id), make("p", "Its line to the corpus in blue, what else came of it in grey; green: admitted. "
        + "The diff of each step of the line:", { class: "sub" }));
    }
    line.slice(0, -1).forEach((step, index) => {
      if (data.diffs[step]) parts.push(fold(`diff of ${title(step)} to ${title(line[index + 1])}`, diff(data.diffs[step]), !index));
    });
    if (id && data.codes[id]) parts.push(fold("code", make("pre", make("code", data.codes[id]))));
    const text = data.texts[place(row)];
    if (text !== undefined) parts.push(fold("what the LLM wrote", make("pre", make("code", text)), !id));
    find("dialog").replaceChildren(...parts);
    if (!find("dialog").open) find("dialog").showModal();
    find("dialog").scrollTop = 0;
  }

  function follow() {
    const [, kind, name] = location.hash.match(/^#([nc])-(.+)$/) ?? [];
    const row = kind === "c" ? data.rows.find((one) => place(one) === name)
      : kind === "n" ? rowOf(name) : null;
    if (row) open(row);
  }

  find("dialog").onclose = () => history.replaceState(null, "", location.pathname + location.search);
  find("explorer").hidden = false;
  tools();
  render();
  addEventListener("hashchange", follow);
  follow();
})();
