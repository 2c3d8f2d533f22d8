const slides = [...document.querySelectorAll(".slide")];
const at = (id) => document.getElementById(id);
let here = 0;
let speaker = null;

// A slide that is too full gets smaller letters, down to two thirds; what does not fit then can be scrolled.
function fit(slide) {
  const content = slide.querySelector(".content");
  slide.style.fontSize = "";
  if (slide.classList.contains("picture")) return;
  const wide = (part) => part.scrollWidth > part.clientWidth + 1;
  const full = () => content.scrollHeight > content.clientHeight + 1 || [...content.querySelectorAll("mjx-container")].some(wide);
  for (let share = 96; share >= 66 && full(); share -= 4) slide.style.fontSize = `${share}%`;
}
function fitAll() {
  slides.forEach(fit);
  document.body.dataset.ready = "true";
}

function show(index, keep) {
  here = Math.max(0, Math.min(slides.length - 1, index));
  slides.forEach((slide, place) => slide.classList.toggle("here", place === here));
  slides.forEach((slide, place) => (slide.inert = place !== here));
  at("count").textContent = `${here + 1} / ${slides.length}`;
  at("bar").style.width = `${(100 * (here + 1)) / slides.length}%`;
  const notes = slides[here].querySelector(".notes").innerHTML;
  at("notes").innerHTML = notes.trim() ? notes : "<p>No notes.</p>";
  if (!keep) history.replaceState(null, "", `#${here + 1}`);
  tellSpeaker();
}

function tellSpeaker() {
  if (!speaker || speaker.closed) return;
  const next = slides[here + 1]?.querySelector("h1, h2");
  speaker.document.getElementById("place").textContent = `${here + 1} / ${slides.length}`;
  speaker.document.getElementById("title").innerHTML = slides[here].querySelector("h1, h2")?.innerHTML ?? "";
  speaker.document.getElementById("notes").innerHTML = at("notes").innerHTML;
  speaker.document.getElementById("soon").innerHTML = next ? `Next: ${next.innerHTML}` : slides[here + 1] ? "" : "The end.";
}

function openSpeaker() {
  speaker = window.open("", "speaker", "width=760,height=640");
  if (!speaker) return;
  speaker.document.body.innerHTML =
    "<p><b id=place></b> &nbsp; <span id=clock>0:00</span></p><h1 id=title></h1><div id=notes></div><p id=soon></p>";
  speaker.document.title = "Speaker";
  speaker.document.body.style.cssText = "font: 20px/1.5 system-ui, sans-serif; margin: 1.2rem; color-scheme: light dark";
  const began = Date.now();
  const clock = speaker.document.getElementById("clock");
  const tick = setInterval(() => {
    if (speaker.closed) return clearInterval(tick);
    const seconds = Math.floor((Date.now() - began) / 1000);
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }, 1000);
  speaker.document.addEventListener("keydown", press);
  tellSpeaker();
}

function toggle(name, button) {
  const on = document.body.classList.toggle(name);
  button.setAttribute("aria-pressed", on);
  fitAll();
}

function theme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  document.documentElement.dataset.theme = dark ? "light" : "dark";
}

const KEYS = {
  ArrowRight: () => show(here + 1),
  ArrowDown: () => show(here + 1),
  PageDown: () => show(here + 1),
  " ": () => show(here + 1),
  ArrowLeft: () => show(here - 1),
  ArrowUp: () => show(here - 1),
  PageUp: () => show(here - 1),
  Home: () => show(0),
  End: () => show(slides.length - 1),
  c: () => toggle("coded", at("code")),
  n: () => toggle("noted", at("note")),
  s: openSpeaker,
  d: theme,
  f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  "?": () => at("keys").showModal(),
};

function press(event) {
  const pressed = event.target.closest?.("button, dialog, a");
  if (event.ctrlKey || event.metaKey || event.altKey || (pressed && event.key === " ")) return;
  const action = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!action || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  action();
}

document.addEventListener("keydown", press);
at("back").onclick = () => show(here - 1);
at("next").onclick = () => show(here + 1);
at("code").onclick = KEYS.c;
at("note").onclick = KEYS.n;
at("speaker").onclick = openSpeaker;
at("theme").onclick = theme;
at("help").onclick = KEYS["?"];
let touched = null;
document.addEventListener("touchstart", (event) => (touched = event.touches[0].clientX), { passive: true });
document.addEventListener("touchend", (event) => {
  const moved = event.changedTouches[0].clientX - touched;
  if (Math.abs(moved) > 60) show(here - Math.sign(moved));
});
window.addEventListener("hashchange", () => show(Number(location.hash.slice(1)) - 1 || 0, true));
window.addEventListener("resize", fitAll);
show(Number(location.hash.slice(1)) - 1 || 0, true);
if (document.readyState === "complete") fitAll();
else window.addEventListener("load", fitAll);
