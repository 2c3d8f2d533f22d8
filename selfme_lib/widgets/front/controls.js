// Controls that all explorers share: labelled, by mouse and keyboard. Each gives { node, show(value), options(list) }.

const PART = 4_000_000; // bytes of one message; Jupyter's servers take ten million
const HERE = Math.random().toString(36).slice(2); // each explorer runs this file anew, on one page
let numbers = 0;
const unique = () => `selfme-${HERE}-${++numbers}`;

function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node && !name.includes("-")) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function labelled(label, control, ...more) {
  control.id ||= unique();
  const name = element("label", { htmlFor: control.id, className: "selfme-label", textContent: label });
  return element("div", { className: "selfme-control" }, name, control, ...more);
}

/** One of many. */
function menu(label, names, changed) {
  const select = element("select", { className: "selfme-menu" });
  select.addEventListener("change", () => changed(select.selectedIndex));
  const options = (list) => select.replaceChildren(...list.map((name) => element("option", { textContent: name })));
  options(names);
  return { node: labelled(label, select), show: (at) => (select.selectedIndex = at), options, input: select };
}

/** One of few, side by side: arrow keys choose. */
function buttons(label, names, changed) {
  const group = unique();
  const inputs = names.map((_, at) => {
    const input = element("input", { type: "radio", name: group, className: "selfme-radio" });
    input.addEventListener("change", () => input.checked && changed(at));
    return input;
  });
  const choices = inputs.map((input, at) => element("label", {}, input, element("span", { textContent: names[at] })));
  const title = element("span", { className: "selfme-label", id: `${group}-label`, textContent: label });
  const row = { className: "selfme-buttons", role: "radiogroup", "aria-labelledby": title.id };
  const node = element("div", { className: "selfme-control" }, title, element("div", row, ...choices));
  const show = (at) => inputs.forEach((input, place) => (input.checked = place === at));
  const enable = (at, possible) => {
    inputs[at].disabled = !possible;
    choices[at].classList.toggle("selfme-off", !possible);
  };
  return { node, show, enable };
}

/** A number. */
function slider(label, { low, high, step, digits, logarithmic }, changed) {
  const input = element("input", { type: "range", className: "selfme-range" });
  const said = element("output", { className: "selfme-value", "aria-live": "off" }); // the slider says it itself
  const range = (from, to, by) => Object.assign(input, { min: from, max: to, step: by });
  const text = (value) => value.toFixed(digits).replace("-", "−");
  const read = () => (logarithmic ? 10 ** Number(input.value) : Number(input.value));
  const say = (value) => {
    said.value = text(value);
    input.setAttribute("aria-valuetext", text(value));
  };
  range(low, high, step);
  input.addEventListener("input", () => {
    say(read());
    changed(read());
  });
  const show = (value) => {
    input.value = logarithmic ? Math.log10(value) : value;
    say(value);
  };
  return { node: labelled(label, input, said), show, range, input, read };
}

/** A line of text: it counts when Enter is pressed, or when the reader goes on. */
function words(label, { hint }, changed) {
  const input = element("input", { type: "text", className: "selfme-words", placeholder: hint, spellcheck: false });
  input.addEventListener("change", () => changed(input.value));
  return { node: labelled(label, input), show: (value) => (input.value = value), input };
}

/** A file of the reader's own. */
function file(label, { accept }, changed) {
  const input = element("input", { type: "file", accept, hidden: true, "aria-label": label });
  const choose = button(`${label} …`, () => input.click(), "It stays on this machine.");
  input.addEventListener("change", () => {
    const [one] = input.files;
    input.value = "";
    if (one) changed(one);
  });
  return { node: element("div", { className: "selfme-control" }, choose, input), show: () => {}, input };
}

function button(text, pressed, title = "") {
  const node = element("button", { type: "button", className: "selfme-button", textContent: text });
  if (title) node.title = title;
  node.addEventListener("click", pressed);
  return node;
}

/** The outermost element: Jupyter's own shortcuts do not act in it. */
function frame(label) {
  const node = element("section", { className: "selfme", "aria-label": label, "data-lm-suppress-shortcuts": "true" });
  const keep = (event) => { // JupyterLab takes the arrows of sliders, choices and menus all the same, before they come here
    const ours = event.key.startsWith("Arrow") && node.contains(event.target) && event.target.matches("input, select");
    if (ours) event.stopPropagation();
  };
  window.addEventListener("keydown", keep, true);
  return node;
}
