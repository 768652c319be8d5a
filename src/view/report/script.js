// Shows one state at a time. Without this script the page has all of them, one below the other.
"use strict";
(() => {
  const steps = [...document.querySelectorAll("article.step")];
  const parts = document.getElementById("steps");
  const slider = document.getElementById("slider");
  const at = document.getElementById("at");
  const where = document.getElementById("where");
  const all = document.getElementById("all");
  const back = document.getElementById("back");
  const forward = document.getElementById("forward");
  if (steps.length < 2) return;

  let shown = 0;
  let isWhole = false;

  const title = (step) => step.querySelector("h3").textContent;
  const verdict = (step) => step.querySelector(".verdict .badge").textContent;
  const total = slider.dataset.total;
  const number = (step) => step.id.slice("step-".length);

  // What is not shown can still be found by the browser's search.
  const draw = () => {
    steps.forEach((step, index) => {
      if (isWhole || index === shown) step.removeAttribute("hidden");
      else step.setAttribute("hidden", "until-found");
    });
    const step = steps[shown];
    at.value = shown + 1;
    at.setAttribute("aria-valuetext", `Step ${number(step)}: ${title(step)}, ${verdict(step)}`);
    where.textContent = `${number(step)} of ${total}`;
    back.disabled = shown === 0;
    forward.disabled = shown === steps.length - 1;
    all.setAttribute("aria-pressed", String(isWhole));
    // What is left out between steps is said where steps are below one another.
    parts.classList.toggle("one", !isWhole);
  };

  const show = (index) => {
    shown = Math.max(0, Math.min(steps.length - 1, index));
    draw();
    if (isWhole) steps[shown].scrollIntoView();
    // The address leads to this state again. Some places do not allow it to be changed.
    try { history.replaceState(null, "", `#${steps[shown].id}`); } catch { /* It is only a convenience. */ }
  };

  const follow = () => {
    const index = steps.findIndex((step) => `#${step.id}` === location.hash);
    if (index < 0) return;
    shown = index;
    draw();
    steps[index].scrollIntoView();
  };

  at.addEventListener("input", () => show(Number(at.value) - 1));
  back.addEventListener("click", () => show(shown - 1));
  forward.addEventListener("click", () => show(shown + 1));
  all.addEventListener("click", () => { isWhole = !isWhole; draw(); });
  window.addEventListener("hashchange", follow);
  // A link to the state that the address has already changes nothing, and is to lead there all the same.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#step-']");
    if (link && link.hash === location.hash) { event.preventDefault(); follow(); }
  });
  steps.forEach((step, index) => step.addEventListener("beforematch", () => { shown = index; draw(); }));
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
    // There these keys have a meaning already.
    if (event.target.closest("input, pre, .wide")) return;
    if (event.key === "ArrowLeft") show(shown - 1);
    else if (event.key === "ArrowRight") show(shown + 1);
  });

  // Paper has all of it, opened.
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => opened.forEach((details) => { details.open = false; }));

  slider.hidden = false;
  at.max = steps.length;
  // A build that failed is about the step that did.
  const failed = steps.findIndex((step) => step.classList.contains("failed"));
  shown = Math.max(0, failed);
  draw();
  follow();
})();
