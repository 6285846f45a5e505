// The table of all completions, which also gives the dialog its order.
nn.explorer = (data) => {
  const PAGE = 100; // rows shown at once
  const { find, make } = nn;
  const column = Object.fromEntries(data.columns.map((name, index) => [name, index]));
  const state = { key: column["accuracy, %"], down: true, text: "", status: "", shown: PAGE };
  const title = (id) => data.names[id] ?? id;

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
    return sign * (typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  }

  function render() {
    const rows = matching();
    const head = make("tr", data.columns.map((name, index) => {
      const cell = make("th", nn.button(name, () => sortBy(index)), { scope: "col" });
      if (index === state.key) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      if (index === state.key) cell.firstChild.append(state.down ? " ▾" : " ▴");
      return cell;
    }));
    const body = rows.slice(0, state.shown).map((row) => make("tr", row.map((value, index) => cell(value, index))));
    find("table").replaceChildren(make("table", [make("thead", head), make("tbody", body)], { class: "all" }));
    find("count").textContent = `${Math.min(rows.length, state.shown)} of ${rows.length}`;
    find("more").hidden = rows.length <= state.shown;
  }

  function cell(value, index) {
    if (index === column.completion) return make("td", make("a", value, { href: `#c-${value.replace(".", "-")}` }));
    if (index === column.network && data.parents[value]) return make("td", make("a", value.slice(0, 8), { href: `#n-${value}`, title: value }), { class: "mono" });
    if (index === column.parent && data.parents[value]) return make("td", make("a", value.slice(0, 8), { href: `#n-${value}`, title: value }), { class: "mono" });
    if (index === column.parent || index === column.network) return make("td", value === null ? "-" : title(value).slice(0, 16), { class: "mono" });
    if (index === column.reason) return make("td", value, { class: "wrap" });
    return make("td", value === null ? "-" : nn.shown(value));
  }

  function sortBy(index) {
    state.down = index === state.key ? !state.down : typeof data.rows[0]?.[index] === "number";
    state.key = index;
    render();
  }

  function choose(status) {
    state.status = status;
    state.shown = PAGE;
    find("statuses").value = status;
    render();
  }

  function tools() {
    const text = make("input", "", { type: "search", placeholder: "network, parent, reason", "aria-label": "filter" });
    text.oninput = () => { state.text = text.value; state.shown = PAGE; render(); };
    const names = [...new Set(data.rows.map((row) => row[column.status]))].sort();
    const status = make("select", [make("option", "every status", { value: "" }),
      ...names.map((name) => make("option", name, { value: name }))], { "aria-label": "status", id: "statuses" });
    status.onchange = () => choose(status.value);
    const more = nn.button(`show ${PAGE} more`, () => { state.shown += PAGE; render(); }, { id: "more" });
    find("tools").append(text, status, make("span", "", { id: "count", class: "sub" }), more);
    nn.keepers.push({ read: () => state, write: (kept) => {
      Object.assign(state, kept);
      text.value = state.text;
      status.value = state.status;
      render();
    } });
  }

  find("explorer").hidden = false;
  tools();
  render();
  return { matching, column, title };
};
