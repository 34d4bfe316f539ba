"use strict";
(() => {
  const form = document.querySelector(".filter");
  const folded = [];
  addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll(".item.fail details, .item.unknown details")) {
      if (!one.open) { one.open = true; folded.push(one); }
    }
  });
  addEventListener("afterprint", () => { for (const one of folded.splice(0)) one.open = false; });
  if (!form) return;
  const phases = [...document.querySelectorAll("section.phase")].map((section) => ({
    section,
    items: [...section.querySelectorAll(".item")].map((item) => ({ item, text: item.textContent.toLowerCase() })),
  }));
  const all = phases.reduce((sum, phase) => sum + phase.items.length, 0);
  const told = form.querySelector("output");
  const none = document.querySelector(".none");
  const { text, severity, unfold } = form.elements;
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const statuses = new Set([...form.querySelectorAll("[name=status]:checked")].map((box) => box.value));
    let shown = 0;
    for (const phase of phases) {
      let left = 0;
      for (const { item, text: said } of phase.items) {
        const fits = statuses.has(item.dataset.status)
          && (!severity.value || item.dataset.severity === severity.value)
          && words.every((word) => said.includes(word));
        item.hidden = !fits;
        left += fits;
      }
      phase.section.hidden = !left;
      shown += left;
    }
    none.hidden = shown > 0;
    told.textContent = shown === all ? `${all} items` : `${shown} of ${all} items`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  unfold.addEventListener("click", () => {
    const open = unfold.textContent === "Unfold all";
    for (const one of document.querySelectorAll("section.phase details")) one.open = open;
    unfold.textContent = open ? "Fold all" : "Unfold all";
  });
  addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search], select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      text.focus();
    } else if (event.key === "Escape" && event.target === text) {
      text.value = "";
      filter();
    }
  });
  filter();
})();
