"use strict";
const page = document.documentElement;
page.classList.add("scripted");

// tables: a click or Enter on a heading sorts by its column, up, down, and as it was; cells without a number come last
const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
function compare(a, b, column, sign) {
  const [x, y] = [a.cells[column], b.cells[column]];
  const [p, q] = [x.dataset.by, y.dataset.by];
  if (p !== undefined && q !== undefined) return sign * (p - q);
  if (p !== undefined || q !== undefined) return p === undefined ? 1 : -1;
  return sign * words.compare(x.textContent, y.textContent);
}
function makeSortable(table) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  if (original.length < 2) return;
  for (const heading of table.tHead.rows[0].cells) {
    if (heading.dataset.unsorted !== undefined) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const next = { none: "ascending", ascending: "descending", descending: "none" }[heading.ariaSort];
      for (const other of table.tHead.rows[0].cells) if (other.ariaSort) other.ariaSort = "none";
      heading.ariaSort = next;
      const sign = next === "descending" ? -1 : 1;
      const rows = [...original];
      if (next !== "none") rows.sort((a, b) => compare(a, b, heading.cellIndex, sign));
      body.append(...rows);
    });
  }
}
document.querySelectorAll("table.sortable").forEach(makeSortable);

// contents: open at the side of a wide window, folded at the top of a narrow one; the section in view is marked
const contents = document.querySelector("nav details");
const wide = matchMedia("(min-width: 72rem)");
const fold = () => { contents.open = wide.matches; };
fold();
wide.addEventListener("change", fold);
const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
contents.addEventListener("click", (event) => { if (event.target.closest("a") && !wide.matches) contents.open = false; });
const sections = [...document.querySelectorAll("h2[id]")].filter((heading) => links.has(heading.id));
function mark() {
  const top = (heading) => heading.getBoundingClientRect().top;
  const above = sections.filter((heading) => top(heading) < innerHeight / 3);
  const chosen = sections.find((heading) => `#${heading.id}` === location.hash);
  const atEnd = innerHeight + scrollY >= page.scrollHeight - 2; // where the last sections cannot come up
  const here = (atEnd && chosen && top(chosen) > 0 ? chosen : above[above.length - 1])?.id;
  for (const [id, link] of links) {
    if (id === here) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
addEventListener("scroll", mark, { passive: true });
addEventListener("hashchange", mark);
mark();

// files beside the page: links only where the page lies on a disk; sent by mail it has nothing beside it
if (location.protocol === "file:") {
  for (const place of document.querySelectorAll("[data-file]")) {
    const link = document.createElement("a");
    link.href = place.dataset.file.split("/").map(encodeURIComponent).join("/");
    link.append(...place.childNodes);
    place.append(link);
  }
}

// predictions of one training: a table made when it is asked for, and a CSV file
const packed = JSON.parse(document.getElementById("predictions")?.textContent ?? "null");
const dialog = document.querySelector("dialog");
let address = null;
function cell(row, text, kind = "") {
  const made = row.insertCell();
  made.textContent = text;
  made.className = kind;
  return made;
}
function openPredictions(number) {
  const { name, seed, file, set, predicted } = packed.rows[number];
  const clips = packed.sets[set];
  const named = (label) => packed.classes[label] ?? String(label);
  const right = clips.filter((clip, place) => clip[2] === predicted[place]).length;
  dialog.querySelector("h2").textContent = `${name}, seed ${seed}`;
  dialog.querySelector(".count").textContent = `${right} of ${clips.length} clips right`;
  const lines = clips.map((clip, place) => `${clip[3]},${predicted[place]}\n`);
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(new Blob(["dataset,subject,clip,label,prediction\n", ...lines], { type: "text/csv" }));
  Object.assign(dialog.querySelector("a"), { href: address, download: file });
  const table = dialog.querySelector("template").content.querySelector("table").cloneNode(true);
  clips.forEach(([subject, clip, label], place) => {
    const row = table.tBodies[0].insertRow();
    cell(row, subject);
    cell(row, clip);
    cell(row, named(label));
    cell(row, named(predicted[place]));
    cell(row, label === predicted[place] ? "right" : "wrong", label === predicted[place] ? "right" : "wrong");
  });
  dialog.querySelector(".scroll").replaceChildren(table);
  makeSortable(table);
  dialog.showModal();
}
for (const button of document.querySelectorAll("button[data-training]")) {
  button.addEventListener("click", () => openPredictions(Number(button.dataset.training)));
}
dialog?.querySelector("button.close").addEventListener("click", () => dialog.close());

// on paper nothing is folded
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("main details:not([open])")];
  folded.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));
