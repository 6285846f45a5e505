// A running search's page loads itself anew while somebody looks at it, and keeps their place.
(() => {
  const LEAST_S = 10, SILENT_S = 900;
  const state = nn.find("state"), key = `nnloop ${location.pathname}`;
  if (!state?.dataset.written) return;
  history.scrollRestoration = "manual"; // the browser's own would come after ours

  const anchors = () => document.querySelectorAll("main h2, main figure, main details, main tr");
  const name = (element) => element.id || `${element.localName} ${element.textContent.slice(0, 60)}`;

  function keep() {
    const top = [...anchors()].find((element) => element.getBoundingClientRect().bottom > 0);
    const kept = {
      anchor: top ? [name(top), top.getBoundingClientRect().top] : null,
      y: scrollY,
      sideways: [...document.querySelectorAll("main .scroll")].map((box) => box.scrollLeft),
      open: [...document.querySelectorAll("main details[open]")].map(name),
      more: nn.keepers.map((keeper) => keeper.read()),
    };
    sessionStorage.setItem(key, JSON.stringify(kept));
  }

  function restore() {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "null");
    if (!kept) return;
    sessionStorage.removeItem(key);
    nn.keepers.forEach((keeper, at) => keeper.write(kept.more[at]));
    const open = new Set(kept.open);
    for (const element of document.querySelectorAll("main details")) element.open = open.has(name(element));
    document.querySelectorAll("main .scroll").forEach((box, at) => { box.scrollLeft = kept.sideways[at] ?? 0; });
    const anchor = kept.anchor && [...anchors()].find((element) => name(element) === kept.anchor[0]);
    scrollTo(0, anchor ? scrollY + anchor.getBoundingClientRect().top - kept.anchor[1] : kept.y);
  }

  // Somebody reads or writes something that a reload would disturb.
  function busy() {
    return document.hidden || document.querySelector("dialog[open]") || document.activeElement?.matches("input, select")
      || !getSelection().isCollapsed;
  }

  function tell() {
    const age = Math.max(0, Date.now() / 1000 - state.dataset.written);
    const ago = age < 60 ? `${Math.round(age)} s` : age < 3600 ? `${Math.round(age / 60)} min` : `${(age / 3600).toFixed(1)} h`;
    state.lastElementChild.textContent = ` · written ${ago} ago`
      + (age > SILENT_S ? "; if that is long for a trial, look whether the search still runs" : "; this page renews itself");
  }

  nn.restore = restore; // the last script calls it, when all keepers are known
  const loaded = performance.now() / 1000;
  const due = Date.now() + 1000 * Math.max(LEAST_S, 20 * loaded);
  setInterval(() => {
    tell();
    if (Date.now() >= due && !busy()) { keep(); location.reload(); }
  }, 1000);
  tell();
})();
