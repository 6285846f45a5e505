// One completion with all that is known of it.
nn.copy = async (text) => {
  try { await navigator.clipboard.writeText(text); } catch {
    const area = nn.make("textarea");
    area.value = text;
    (nn.find("dialog").open ? nn.find("dialog") : document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
};

nn.save = (name, text, kind = "text/plain") => {
  const link = nn.make("a", "", { download: name, href: URL.createObjectURL(new Blob([text], { type: kind })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

nn.dialog = (data, drawings, table) => {
  const { find, make, fold } = nn;
  const { column, title } = table, texts = nn.texts(data);
  const children = Object.create(null);
  for (const [name, parent] of Object.entries(data.parents)) (children[parent] ??= []).push(name);
  const rows = Object.create(null), of = Object.create(null);
  data.rows.forEach((row, at) => {
    rows[row[column.completion]] = at;
    if (row[column.network] && row[column.status] !== "duplicate") of[row[column.network]] ??= at;
  });

  function code(text) {
    return make("pre", make("code", text));
  }

  function coloured(text) {
    const kind = (line) => /^(---|\+\+\+|@@)/.test(line) ? "hunk" : { "+": "add", "-": "del" }[line[0]] ?? "";
    return make("pre", make("code", text.split("\n").map((line) => make("span", line + "\n", { class: kind(line) })), { class: "diff" }));
  }

  // A part that is filled when it is opened, with buttons that copy and save its text.
  function part(name, file, load, open, shape = code) {
    const box = make("div"), element = fold(name, box, open);
    const fill = async () => {
      if (box.childElementCount) return;
      box.append(make("p", "…", { class: "sub" }));
      const text = await load();
      const tools = make("div", [nn.button("copy", () => nn.copy(text)), nn.button("save", () => nn.save(file, text))], { class: "tools" });
      box.replaceChildren(...(text === undefined ? [make("p", "the page does not hold it", { class: "sub" })] : [tools, shape(text)]));
    };
    element.ontoggle = () => { if (element.open) fill(); };
    return element;
  }

  // The network, its parent, and so on back to the corpus.
  function lineage(id) {
    const line = [id];
    while (data.parents[line.at(-1)] && !line.includes(data.parents[line.at(-1)])) line.push(data.parents[line.at(-1)]);
    return line;
  }

  function siblings(row) {
    const same = data.rows.filter((one) => one !== row && one[column.parent] === row[column.parent]);
    if (!same.length) return null;
    const counts = {};
    for (const one of same) counts[one[column.status]] = (counts[one[column.status]] ?? 0) + 1;
    const told = Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([status, times]) => `${times} ${status}`).join(", ");
    const links = same.slice(0, 60).flatMap((one) => [make("a", one[column["accuracy, %"]] === null ? one[column.status] : `${one[column["accuracy, %"]]} %`,
      { href: `#c-${one[column.completion].replace(".", "-")}` }), " "]);
    return fold(`${same.length} other completions of the same parent: ${told}`, make("p", links));
  }

  function curve(points) {
    const WIDTH = 320, HEIGHT = 120, [last, top] = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
    const places = points.map(([epoch, accuracy]) => `${(10 + epoch / last * (WIDTH - 20)).toFixed(1)},${(HEIGHT - 10 - accuracy / (top || 1) * (HEIGHT - 25)).toFixed(1)}`);
    return make("div", [nn.shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, class: "tree" }, [
      nn.shape("polyline", { points: places.join(" "), class: "line s0" }),
      nn.shape("text", { x: WIDTH - 10, y: 12, class: "end" }, `${(100 * points.at(-1)[1]).toFixed(2)} % after ${last} epochs`)])]);
  }

  // The neighbours in the table's order.
  function neighbour(row, step) {
    const order = table.matching(), at = order.indexOf(row);
    return order[at < 0 ? 0 : at + step];
  }

  const address = (row) => `#c-${row[column.completion].replace(".", "-")}`;

  function header(row) {
    const id = row[column.network];
    const step = (label, by) => {
      const other = neighbour(row, by);
      return nn.button(label, () => { location.hash = address(other); }, other ? {} : { disabled: "" });
    };
    return make("header", [
      make("b", `${id ?? "no network"}, cycle ${row[column.completion].split(".")[0]}, slot ${row[column.completion].split(".")[1]}`),
      make("div", [step("previous", -1), step("next", 1),
        nn.button("copy link", () => nn.copy(location.href.split("#")[0] + address(row))), nn.button("close", () => find("dialog").close())], { class: "tools" }),
    ]);
  }

  function facts(row, more) {
    const hidden = ["completion", "network", "parent", "reason"];
    const known = data.columns.map((name, index) => [name, row[index]]).filter(([name, value]) => value !== null && value !== "" && !hidden.includes(name));
    known.push(...Object.entries(more).filter(([name]) => name !== "curve"));
    return known.map(([name, value]) => value === true ? name : name.endsWith(", %") ? `${name.slice(0, -3)} ${value} %` : `${name} ${nn.shown(value)}`).join(" · ");
  }

  async function open(at) {
    const row = data.rows[at], more = data.facts[at], id = row[column.network], parent = row[column.parent];
    const [cycle, slot] = row[column.completion].split(".").map(Number), texts_of = [cycle - 1, slot - 1];
    const parts = [header(row), make("p", facts(row, more), { class: "sub" })];
    if (row[column.reason]) parts.push(make("p", row[column.reason], { class: "reason" }));
    if (id && data.repeats[id]) parts.push(make("p", `trials under fresh seeds: ${data.repeats[id]}`));
    parts.push(make("p", ["from ", ...(id ? lineage(id).slice(1) : [parent]).flatMap((name, index) => [index ? " ← " : "",
      of[name] === undefined ? title(name) : make("a", title(name), { href: `#n-${name}` })])], { class: "sub" }));
    if (more.curve?.length > 1) parts.push(curve(more.curve));
    const drawn = id && drawings[id];
    if (drawn) {
      const before = drawings[parent], box = make("div"), element = fold(before ? `network, against ${title(parent)}` : "network", box);
      element.ontoggle = () => { if (element.open && !box.childElementCount) box.append(...nn.graph.view(drawn, before, { own: id, parent: title(parent) })); };
      parts.push(element);
    }
    if (id) {
      const line = lineage(id);
      for (const [index, step] of line.slice(0, -1).entries()) {
        const [old, own] = await Promise.all([texts.network(line[index + 1]), texts.network(step)]);
        if (old === undefined || own === undefined) continue;
        parts.push(part(`from ${title(line[index + 1])} to ${title(step)}`, `${step}.diff`,
          async () => nn.diff(old, own, title(line[index + 1]), title(step)), !index, coloured));
      }
      if ((await texts.network(id)) !== undefined) parts.push(part("code", `${id}.py`, () => texts.network(id)));
    }
    if ((await texts.prompt(...texts_of)) !== undefined) parts.push(part("prompt", `${row[column.completion]}-prompt.txt`, () => texts.prompt(...texts_of)));
    if ((await texts.answer(...texts_of)) !== undefined) {
      parts.push(part("answer of the LLM", `${row[column.completion]}-answer.txt`, () => texts.answer(...texts_of), !id));
      const read = await texts.parsed(...texts_of);
      if (read !== undefined) parts.push(part("the part of the answer that was read", `${row[column.completion]}-read.txt`, async () => read, false, coloured));
      else parts.push(make("p", "nothing in the answer was read as a network or a diff", { class: "sub" }));
    }
    parts.push(siblings(row));
    if (id && lineage(id).length > 1) parts.push(fold("family", nn.tree.family(id, { data, column, title, children, lineage, of })));
    find("dialog").replaceChildren(...parts.filter(Boolean));
    if (!find("dialog").open) find("dialog").showModal();
    find("dialog").scrollTop = 0;
  }

  function follow() {
    const [, kind, name] = location.hash.match(/^#([nc])-(.+)$/) ?? [];
    const at = kind === "c" ? rows[name.replace("-", ".")] : kind === "n" ? of[name] : undefined;
    if (at !== undefined) open(at);
  }

  find("dialog").onclose = () => history.replaceState(null, "", location.pathname + location.search);
  addEventListener("hashchange", follow);
  follow();
  return { lineage, children, of };
};
