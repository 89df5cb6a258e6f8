"use strict";
// What the page can do beyond being read: sort and filter tables of claims, show where one is, open all for print.
for (const form of document.querySelectorAll(".filters")) {
  const table = document.getElementById(form.dataset.table);
  const rows = [...table.tBodies[0].rows];
  const shown = form.querySelector("output");
  const filter = () => {
    const words = form.elements.words.value.trim().toLowerCase().split(/\s+/);
    let count = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden =
        (form.elements.verdict.value && !row.dataset.verdict.split("|").includes(form.elements.verdict.value)) ||
        (form.elements.paper.value && row.dataset.paper !== form.elements.paper.value) ||
        !words.every((word) => text.includes(word));
      count += !row.hidden;
    }
    shown.textContent = `${count} of ${rows.length} claims`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
  const heads = [...table.tHead.rows[0].cells];
  for (const head of heads.filter((head) => head.dataset.sort)) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.dataset[head.dataset.sort];
      const compare = (a, b) => key(a).localeCompare(key(b), undefined, { numeric: true });
      rows.sort((a, b) => (down ? -compare(a, b) : compare(a, b)));
      table.tBodies[0].append(...rows);
    });
  }
}
const opened = [];
window.addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details:not([open])")) {
    each.open = true;
    opened.push(each);
  }
});
window.addEventListener("afterprint", () => opened.splice(0).forEach((each) => (each.open = false)));
const contents = document.querySelector(".contents details");
if (contents && matchMedia("(max-width: 62rem)").matches) contents.open = false;
const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver(
  (entries) => {
    const first = entries.filter((entry) => entry.isIntersecting).at(0);
    if (!first) return;
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(first.target.id).setAttribute("aria-current", "true");
  },
  { rootMargin: "-5% 0px -80% 0px" },
);
for (const id of links.keys()) {
  const target = document.getElementById(id);
  if (target) seen.observe(target);
}
// A network's claim that is linked to opens
const open = () => document.getElementById(location.hash.slice(1))?.querySelector("details")?.setAttribute("open", "");
window.addEventListener("hashchange", open);
open();
