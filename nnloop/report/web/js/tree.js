// The tree of a run: all of it, or the family of one network.
nn.tree = (() => {
  const MOST = 80; // networks of a family
  const { make, shape } = nn;

  // The family of a network: its line back to the corpus, all children of the networks on that line, and its own
  // descendants. A child is indented under its parent.
  function family(id, run) {
    const STEP = 22, INDENT = 26, line = run.lineage(id), nodes = [];
    const place = (name, depth, parent) => {
      const node = { name, depth, parent, row: nodes.length, mine: line.includes(name) };
      nodes.push(node);
      const own = run.children[name] ?? [], shown = node.mine || run.lineage(name).includes(id) ? own : [];
      node.more = own.length - shown.length;
      for (const child of shown) {
        if (nodes.length < MOST || line.includes(child)) place(child, depth + 1, node);
        else node.more += 1;
      }
    };
    place(line.at(-1), 0, null);
    const size = [Math.max(...nodes.map((node) => node.depth)) * INDENT + 330, nodes.length * STEP + 8];
    const x = (node) => 10 + node.depth * INDENT, y = (node) => 14 + node.row * STEP;
    const mineLast = nodes.filter((node) => node.parent).sort((a, b) => a.mine - b.mine); // on top
    const parts = mineLast.map((node) =>
      shape("path", { d: `M${x(node.parent)} ${y(node.parent)}V${y(node)}H${x(node)}`, class: node.mine ? "branch mine" : "branch" }));
    for (const node of nodes) {
      const row = run.data.rows[run.of[node.name]], accuracy = row?.[run.column["accuracy, %"]];
      const words = [run.title(node.name), accuracy == null ? "" : `${accuracy} %`, node.more ? `+${node.more}` : ""];
      const label = shape("text", { x: x(node) + 10, y: y(node) + 4, class: node.name === id ? "own" : "" }, words.filter(Boolean).join(" · "));
      const dot = shape("circle", { cx: x(node), cy: y(node), r: 5, class: row?.[run.column.admitted] ? "dot s2" : "dot s6" });
      parts.push(row ? shape("a", { href: `#n-${node.name}` }, [dot, label]) : dot, ...(row ? [] : [label]));
    }
    const drawn = shape("svg", { viewBox: `0 0 ${size[0]} ${size[1]}`, width: size[0], height: size[1], role: "img", class: "tree" }, parts);
    return [make("p", "its line to the corpus in blue, what else came of it in grey; green: admitted", { class: "sub" }), make("div", drawn, { class: "scroll" })];
  }

  // Every valid network of the run under its parent: from left to right by cycle, coloured by accuracy.
  function whole(run) {
    const WIDTH = 1100, LEFT = 110, accuracy = (name) => run.data.rows[run.of[name]]?.[run.column["accuracy, %"]] ?? run.data.accuracies[name] ?? null;
    const valid = Object.keys(run.data.parents).filter((name) => run.of[name] !== undefined && accuracy(name) !== null);
    const best = valid.reduce((top, name) => (top === null || accuracy(name) > accuracy(top) ? name : top), null);
    if (best === null) return null;
    const wanted = new Set(valid);
    for (const name of valid) for (const above of run.lineage(name)) wanted.add(above); // a parent is valid, or of the corpus
    const kids = (name) => (run.children[name] ?? []).filter((child) => wanted.has(child));
    const roots = [...wanted].filter((name) => !wanted.has(run.data.parents[name]));
    const cycles = Math.max(1, ...Object.values(run.data.cycles)) + 1, line = new Set(run.lineage(best)), nodes = {};
    let leaves = 0;
    const visit = (start) => { // without recursion: a line may be long
      const stack = [[start, false]];
      while (stack.length) {
        const [name, done] = stack.pop(), own = kids(name);
        if (!done && own.length) { stack.push([name, true], ...own.toReversed().map((child) => [child, false])); continue; }
        const rows = own.map((child) => nodes[child].row);
        nodes[name] = { name, row: own.length ? (Math.min(...rows) + Math.max(...rows)) / 2 : leaves++, cycle: run.data.cycles[name] ?? -1 };
      }
      leaves += 0.6;
    };
    roots.forEach(visit);
    const step = Math.max(0.35, Math.min(14, 900 / leaves)), height = leaves * step + 30;
    const x = (node) => LEFT + (node.cycle + 1) / cycles * (WIDTH - LEFT - 20), y = (node) => 12 + node.row * step;
    const radius = Math.max(1.6, Math.min(5, step * 0.8)), values = valid.map(accuracy).sort((a, b) => a - b);
    const low = values[Math.floor(values.length * 0.05)], high = values.at(-1);
    const share = (name) => accuracy(name) === null ? null : Math.round(100 * Math.min(1, Math.max(0, (accuracy(name) - low) / (high - low || 1))));
    const parts = [];
    const bold = (name) => line.has(name) && line.has(run.data.parents[name]);
    for (const node of Object.values(nodes).sort((a, b) => bold(a.name) - bold(b.name))) {
      const above = nodes[run.data.parents[node.name]];
      if (above) parts.push(shape("path", { d: `M${x(above).toFixed(1)} ${y(above).toFixed(1)}C${((x(above) + x(node)) / 2).toFixed(1)} ${y(above).toFixed(1)} ${((x(above) + x(node)) / 2).toFixed(1)} ${y(node).toFixed(1)} ${x(node).toFixed(1)} ${y(node).toFixed(1)}`, class: bold(node.name) ? "branch best" : "branch" }));
    }
    for (const node of Object.values(nodes).sort((a, b) => (accuracy(a.name) ?? 0) - (accuracy(b.name) ?? 0))) {
      const hint = shape("title", {}, `${run.title(node.name)}: ${accuracy(node.name) ?? "-"} %`), told = share(node.name);
      const dot = shape("circle", { cx: x(node).toFixed(1), cy: y(node).toFixed(1), r: (line.has(node.name) ? radius * 1.5 : radius).toFixed(1), class: "leaf", style: `--share:${told ?? 0}%` }, [hint]);
      parts.push(run.of[node.name] === undefined ? dot : shape("a", { href: `#n-${node.name}` }, [dot]));
      if (node.cycle < 0 && (kids(node.name).length > 2 * 14 / step || step >= 10)) parts.push(shape("text", { x: LEFT - 8, y: (y(node) + 4).toFixed(1), class: "end" }, run.title(node.name).slice(0, 16)));
    }
    const ticks = Array.from({ length: cycles }, (_, at) => at).filter((at) => at % Math.ceil(cycles / 12) === 0);
    parts.push(...ticks.map((at) => shape("text", { x: x({ cycle: at }).toFixed(1), y: height - 2, class: "mid faint" }, `cycle ${at + 1}`)));
    return [make("p", ["each valid network under its parent, the corpus at the left; from ", make("b", `${low} %`, { class: "leaf", style: "--share:0%" }), " or less to ",
      make("b", `${high} %`, { class: "leaf", style: "--share:100%" }), "; bold: the way to the best"], { class: "sub" }),
    make("div", shape("svg", { viewBox: `0 0 ${WIDTH} ${height.toFixed(0)}`, role: "img", class: "whole" }, parts), { class: "scroll" })];
  }

  return { family, whole };
})();
