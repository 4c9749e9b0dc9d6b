// Keeps the numbers of today current. Without it the page shows them as they were when it
// was loaded.
"use strict";
(() => {
  const address = document.body.dataset.live;
  const every = 4000;

  function show(values) {
    for (const el of document.querySelectorAll("[data-k]")) {
      const now = values[el.dataset.k];
      if (now === undefined || now === el.textContent) continue;
      const first = el.textContent === "";
      el.textContent = now;
      if (first || el.dataset.k === "total.at") continue;
      el.classList.remove("fresh");
      void el.offsetWidth; // restarts the animation
      el.classList.add("fresh");
    }
  }

  async function tick() {
    if (document.hidden) return;
    try {
      const answer = await fetch(address, { credentials: "same-origin" });
      if (answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.json());
      document.body.classList.remove("stale");
    } catch {
      document.body.classList.add("stale");
    }
  }

  setInterval(tick, every);
  document.addEventListener("visibilitychange", tick);
  tick();
})();
