// A key with switches: each turns one series of the charts that follow it on or off.
for (const key of document.querySelectorAll(".legend.switches")) {
  for (const entry of key.querySelectorAll(".entry")) {
    const kind = [...entry.querySelector(".key").classList].filter((name) => name !== "key").join(".");
    entry.setAttribute("role", "switch");
    entry.setAttribute("tabindex", "0");
    entry.setAttribute("aria-checked", "true");
    const toggle = () => {
      const hidden = entry.classList.toggle("off");
      entry.setAttribute("aria-checked", String(!hidden));
      const plain = kind.includes("dashed") ? `.${kind}` : `.${kind}:not(.dashed)`;
      for (const figure of key.nextElementSibling.querySelectorAll("figure:not(:has(.legend))")) {
        for (const drawn of figure.querySelectorAll(`svg ${plain}`)) drawn.classList.toggle("hidden", hidden);
      }
    };
    entry.onclick = toggle;
    entry.onkeydown = (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } };
  }
}
