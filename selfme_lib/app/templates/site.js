// Tables in Markdown must have a head; and columns of long texts would be as narrow as their longest word.
for (const head of document.querySelectorAll(".bd-content thead")) head.hidden = !head.textContent.trim();
for (const code of document.querySelectorAll(".bd-content td .pre")) code.innerHTML = code.innerHTML.replaceAll("_", "_<wbr>");
for (const cell of document.querySelectorAll(".bd-content td")) {
  const { length } = cell.textContent;
  if (length > 24) cell.style.setProperty("--wish", `${length / 6}rem`);
}

// The amplification explorer has more than a megabyte of clips, so it is loaded when its place comes near the window.
{
  const explorer = new URL("explorer.js", document.currentScript.src);
  const watch = new IntersectionObserver((places) => {
    if (!places.some((place) => place.isIntersecting)) return;
    watch.disconnect();
    document.head.append(Object.assign(document.createElement("script"), { src: explorer }));
  }, { rootMargin: "300px" });
  for (const place of document.querySelectorAll(".selfme-later")) watch.observe(place);
}
