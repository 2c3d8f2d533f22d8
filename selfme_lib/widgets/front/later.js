// Part of a script that a page loads when its reader comes near: it fills the elements of class `selfme-later`.

document.head.append(element("style", { textContent: LOOK }));
for (const place of document.querySelectorAll(".selfme-later")) {
  place.replaceChildren(explorer(CONTENT));
  place.classList.replace("selfme-later", "selfme-here");
}
