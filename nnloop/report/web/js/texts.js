// The texts of a run, put together from the page's blocks, and the line diff of two of them.
nn.texts = (data) => {
  const has = (name) => nn.find(name) !== null;

  // A network's source; undefined if the page does not hold it.
  async function network(id) {
    const name = id in data.cycles ? `networks-${data.cycles[id]}` : "networks-corpus";
    if (!has(name)) return undefined;
    const parts = (await nn.unpack(name))[id];
    if (!parts?.length || parts[0] === "") return undefined;
    if (typeof parts[0] === "string") return parts[0];
    const lines = (await network(parts[0].edited)).split("\n");
    for (const [low, high, put] of parts[0].edits.toReversed()) lines.splice(low, high - low, ...put);
    return lines.join("\n");
  }

  async function written(kind, cycle, slot) {
    if (!has(`texts-${cycle}`)) return undefined;
    const block = await nn.unpack(`texts-${cycle}`);
    const parts = block[kind][slot];
    if (!parts) return undefined;
    return (await Promise.all(parts.map(async (part) => {
      if (typeof part === "number") return block.strings[part];
      if (typeof part === "string") return part;
      if (part.network) return ((await network(part.network)) ?? "").replace(/\n+$/, "");
      if ("prompt" in part) return written("prompts", cycle, part.prompt);
      return (await written("answers", cycle, part.answer)).trim();
    }))).join("");
  }

  // The part of an answer that was read as a network or a diff; undefined if none was.
  async function parsed(cycle, slot) {
    if (!has(`texts-${cycle}`)) return undefined;
    const span = (await nn.unpack(`texts-${cycle}`)).parsed[slot];
    return span && [...(await written("answers", cycle, slot))].slice(...span).join("");
  }

  return { network, prompt: (cycle, slot) => written("prompts", cycle, slot), answer: (cycle, slot) => written("answers", cycle, slot), parsed };
};

// The unified diff of two texts: by the longest common subsequence of what lies between their equal ends.
nn.diff = (before, after, from, to) => {
  const CONTEXT = 3, a = before.split("\n"), b = after.split("\n");
  let start = 0, end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const n = a.length - start - end, m = b.length - start - end;
  const steps = a.slice(0, start).map((line) => [" ", line]);
  if (n * m > 4e6) {
    steps.push(...a.slice(start, start + n).map((line) => ["-", line]), ...b.slice(start, start + m).map((line) => ["+", line]));
  } else {
    const best = Array.from({ length: n + 1 }, () => new Uint16Array(m + 1));
    for (let i = n - 1; i >= 0; i -= 1) {
      for (let j = m - 1; j >= 0; j -= 1) {
        best[i][j] = a[start + i] === b[start + j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
      }
    }
    for (let i = 0, j = 0; i < n || j < m;) {
      if (i < n && j < m && a[start + i] === b[start + j]) { steps.push([" ", a[start + i]]); i += 1; j += 1; }
      else if (i < n && (j === m || best[i + 1][j] >= best[i][j + 1])) { steps.push(["-", a[start + i]]); i += 1; }
      else { steps.push(["+", b[start + j]]); j += 1; }
    }
  }
  steps.push(...a.slice(a.length - end).map((line) => [" ", line]));
  const near = steps.map(() => false);
  steps.forEach(([kind], at) => {
    if (kind !== " ") for (let k = Math.max(0, at - CONTEXT); k <= at + CONTEXT && k < steps.length; k += 1) near[k] = true;
  });
  const lines = [`--- ${from}`, `+++ ${to}`];
  let old = 1, fresh = 1;
  steps.forEach(([kind, line], at) => {
    if (near[at] && !near[at - 1]) lines.push(`@@ -${old} +${fresh} @@`);
    if (near[at]) lines.push(kind + line);
    old += kind !== "+";
    fresh += kind !== "-";
  });
  return lines.length > 2 ? lines.join("\n") : "";
};
