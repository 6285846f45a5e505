"use strict";
// The table of all completions. What an LLM wrote enters the page through textContent alone.
(async () => {
  const PAGE = 100;
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
    return text.replace(hidden, (found) => "\\u" + found.charCodeAt(0).toString(16).padStart(4, "0"));
  }

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
    if (a === null || b === null) return (a === null) - (b === null); // what is missing comes last
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
    if (line.length > 1) parts.push(make("p", "from " + line.map(title).join(" ← "), { class: "sub" }));
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
      : kind === "n" ? data.rows.find((one) => one[column.network] === name && one[column.status] !== "duplicate") : null;
    if (row) open(row);
  }

  find("dialog").onclose = () => history.replaceState(null, "", location.pathname + location.search);
  find("explorer").hidden = false;
  tools();
  render();
  addEventListener("hashchange", follow);
  follow();
})();
