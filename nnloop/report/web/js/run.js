// The page of a run: everything that is made of its completions.
(async () => {
  const data = await nn.unpack("rows");
  const table = nn.explorer(data);
  const drawings = await nn.unpack("drawings");
  const { lineage, children, of } = nn.dialog(data, drawings, table);
  const drawn = nn.tree.whole({ data, column: table.column, title: table.title, children, lineage, of });
  if (drawn) {
    nn.find("tree").append(...drawn);
    nn.find("tree").hidden = false;
  }
  nn.restore?.();
})();
