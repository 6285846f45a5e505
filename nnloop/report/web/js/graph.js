// The drawing of a network: its units in blocks, against its parent's. Laid out by dagre when it is opened.
nn.graph = (() => {
  const CHARACTER = 6.6, LINE = 15, PAD = 7, WIDEST = 46;

  const large = (value) => value >= 1e9 ? `${(value / 1e9).toFixed(2)}G` : value >= 1e6 ? `${(value / 1e6).toFixed(2)}M`
    : value >= 1e3 ? `${(value / 1e3).toFixed(1)}k` : String(value);

  // Both networks as one list of nodes in an order in which every edge goes forwards: units that were removed stand
  // before those that took their place.
  function merged(own, parent) {
    const nodes = own.units.map(([label, shape, inputs, params, flops, block], at) =>
      ({ label, shape, params, flops, block, inputs: inputs.map((one) => `n${one}`), id: `n${at}`, state: "" }));
    if (!parent || !own.matches) return nodes;
    const place = {};
    own.matches.forEach((old, at) => { if (old >= 0) place[old] = `n${at}`; });
    own.matches.forEach((old, at) => {
      const was = parent.units[old];
      if (!was) nodes[at].state = "added";
      else if (was[0] !== nodes[at].label || was[3] !== nodes[at].params) Object.assign(nodes[at], { state: "changed", was });
    });
    parent.units.forEach(([label, shape, inputs, params, flops], old) => {
      if (place[old]) return;
      nodes.push({ label, shape, params, flops, block: -1, id: `r${old}`, state: "removed",
        inputs: inputs.map((one) => place[one] ?? `r${one}`) });
    });
    parent.units.forEach(([, , inputs], old) => {
      if (!place[old]) return;
      const node = nodes.find((one) => one.id === place[old]);
      node.gone = inputs.filter((one) => !place[one]).map((one) => `r${one}`);
    });
    return nodes;
  }

  // Blocks that follow each other and are equal are folded into one.
  function folds(own) {
    const text = ([low, high]) => own.units.slice(low, high + 1)
      .map(([label, , inputs], at) => `${label}<${inputs.map((one) => low + at - one)}`).join(";");
    const rows = [];
    own.blocks.forEach((block, at) => {
      const before = rows.at(-1);
      if (before && before.text === text(block) && own.blocks[before.last][1] + 1 === block[0]) before.last = at;
      else rows.push({ first: at, last: at, text: text(block) });
    });
    return rows;
  }

  function summary(units) {
    const kinds = {};
    for (const { label } of units) {
      const kind = label.split(" · ")[0].split(",")[0];
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
    return Object.entries(kinds).map(([kind, times]) => times > 1 ? `${times} ${kind}` : kind).join(" · ");
  }

  function wrap(text) {
    const lines = [""];
    for (const word of text.split(" ")) {
      if (lines.at(-1) && lines.at(-1).length + word.length > WIDEST) lines.push("");
      lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
    }
    return lines;
  }

  // What is seen: units of unfolded blocks, and one node for each folded row of blocks.
  function visibleNodes(own, parent, unfolded) {
    const nodes = merged(own, parent), place = {}, seen = [];
    folds(own).forEach((row, number) => {
      const inside = nodes.filter((one) => one.block >= row.first && one.block <= row.last);
      if (inside.length < 2 || unfolded.has(number)) return;
      const states = new Set(inside.map((one) => one.state).filter(Boolean));
      const times = row.last - row.first + 1, one = inside.filter((node) => node.block === row.first);
      const fold = { id: `b${number}`, fold: number, label: `block${times > 1 ? ` ×${times}` : ""}: ${summary(one)}`,
        params: inside.reduce((sum, node) => sum + node.params, 0), flops: inside.reduce((sum, node) => sum + node.flops, 0),
        shape: inside.at(-1).shape, inputs: inside.flatMap((node) => [...node.inputs, ...(node.gone ?? [])]),
        state: states.size ? (states.size === 1 && inside.every((node) => node.state === "added") ? "added" : "changed") : "" };
      inside.forEach((node) => { place[node.id] = fold; });
    });
    for (const node of nodes) {
      const shown = place[node.id] ?? node;
      if (!seen.includes(shown)) seen.push(shown);
      place[node.id] = shown;
    }
    return { seen, place };
  }

  function lines(node) {
    const costs = [node.params ? `${large(node.params)} parameters` : "", node.flops ? `${large(node.flops)} FLOPs` : ""];
    const told = [...wrap(node.label), costs.filter(Boolean).join(", ")];
    if (node.was && node.was[0] !== node.label) told.push(...wrap(`was: ${node.was[0]}`));
    return told.filter(Boolean);
  }

  function draw(own, parent, unfolded, toggle) {
    const { seen, place } = visibleNodes(own, parent, unfolded);
    const graph = new dagre.graphlib.Graph({ multigraph: false });
    graph.setGraph({ rankdir: "TB", nodesep: 18, ranksep: 26, marginx: 8, marginy: 8 });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const node of seen) {
      node.lines = lines(node);
      graph.setNode(node.id, { height: node.lines.length * LINE + 2 * PAD,
        width: Math.max(...node.lines.map((line) => line.length)) * CHARACTER + 2 * PAD });
    }
    for (const node of seen) {
      for (const [inputs, gone] of [[node.inputs, node.state === "removed"], [node.gone ?? [], true]]) {
        for (const input of inputs) {
          const from = place[input];
          if (!from || from === node || graph.edge(from.id, node.id)) continue;
          const label = from.shape.join("×");
          graph.setEdge(from.id, node.id, { label, gone: gone || from.state === "removed", width: label.length * CHARACTER + 8, height: LINE, labelpos: "c" });
        }
      }
    }
    dagre.layout(graph);
    const { width, height } = graph.graph(), parts = [];
    for (const edge of graph.edges()) {
      const { points, label, x, y, gone } = graph.edge(edge);
      const middle = points.slice(1, -1).map((point) => `${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join(" L");
      const ends = [points[0], points.at(-1)].map((point) => `${point.x.toFixed(1)} ${point.y.toFixed(1)}`);
      parts.push(nn.shape("path", { d: `M${ends[0]} L${middle ? `${middle} L` : ""}${ends[1]}`, class: gone ? "edge gone" : "edge", "marker-end": "url(#arrow)" }));
      if (label) parts.push(nn.shape("text", { x: x.toFixed(1), y: (y + 4).toFixed(1), class: "mid shape" }, label));
    }
    for (const node of seen) {
      const at = graph.node(node.id);
      const group = nn.shape("g", { class: `unit ${node.state}${node.fold === undefined ? "" : " fold"}`, transform: `translate(${(at.x - at.width / 2).toFixed(1)} ${(at.y - at.height / 2).toFixed(1)})` }, [
        nn.shape("rect", { width: at.width.toFixed(1), height: at.height.toFixed(1), rx: 5 }),
        ...node.lines.map((line, row) => nn.shape("text", { x: (at.width / 2).toFixed(1), y: PAD + LINE * row + 11, class: row ? "mid faint" : "mid" }, line)),
      ]);
      const row = node.fold ?? (node.block >= 0 ? folds(own).findIndex((one) => node.block >= one.first && node.block <= one.last) : undefined);
      if (row !== undefined && node.state !== "removed") {
        group.append(nn.shape("title", {}, node.fold === undefined ? "fold this block" : "unfold this block"));
        group.onclick = () => toggle(row);
        group.classList.add("toggle");
      }
      parts.push(group);
    }
    const arrow = nn.shape("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
      [nn.shape("path", { d: "M0 0L8 4L0 8z", class: "head" })]);
    return nn.shape("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width.toFixed(0)} ${height.toFixed(0)}`, width: width.toFixed(0), height: height.toFixed(0), class: "graph", role: "img" },
      [nn.shape("defs", {}, [arrow]), ...parts]);
  }

  // The drawing as a file of its own: the colours that it has on this screen are written into it.
  function file(drawn) {
    const copy = drawn.cloneNode(true), all = drawn.querySelectorAll("*");
    copy.querySelectorAll("*").forEach((element, at) => {
      const style = getComputedStyle(all[at]);
      for (const key of ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family", "text-anchor"]) {
        element.style.setProperty(key, style.getPropertyValue(key));
      }
    });
    copy.style.background = getComputedStyle(document.body).backgroundColor;
    return new XMLSerializer().serializeToString(copy);
  }

  function view(own, parent, names) {
    const box = nn.make("div", "", { class: "scroll" }), unfolded = new Set();
    const render = () => {
      try { box.replaceChildren(draw(own, parent, unfolded, toggle)); }
      catch (error) { box.replaceChildren(nn.make("p", `the drawing failed: ${error.message}`, { class: "sub" })); }
    };
    const toggle = (row) => { if (!unfolded.delete(row)) unfolded.add(row); render(); };
    const all = folds(own).map((_, number) => number);
    const tools = nn.make("div", [
      all.length ? nn.button("unfold all", () => { all.forEach((one) => unfolded.add(one)); render(); }) : null,
      all.length ? nn.button("fold all", () => { unfolded.clear(); render(); }) : null,
      nn.button("save SVG", () => nn.save(`${names.own}.svg`, file(box.firstElementChild), "image/svg+xml")),
      parent ? nn.make("span", [`against ${names.parent}: `, nn.make("b", "added", { class: "added" }), ", ", nn.make("b", "changed", { class: "changed" }),
        ", ", nn.make("b", "removed", { class: "removed" })], { class: "sub" }) : null,
    ], { class: "tools" });
    const sums = [3, 4].map((field) => own.units.reduce((sum, unit) => sum + unit[field], 0));
    const told = `${large(own.params ?? sums[0])} parameters, ${large(sums[1])} FLOPs of convolutions, products and attention for one image; edges: shape of one image`;
    render();
    return [tools, nn.make("p", told, { class: "sub" }), box];
  }

  return { view, draw, folds };
})();
