// An explorer whose pictures Python draws: rows of controls, rows of titled pictures, a note.
//
// Python is asked for one answer at a time, always to the latest values. Answers are kept by the values of all controls, so a
// slider that comes back to one, or a clip that plays over and over, asks for nothing; Python hears where a slider rests.

const KEPT = 256; // answers
const AHEAD = 8; // answers that are asked for at once while an explorer plays
const REST = 200; // ms

function showPanels(model, root) {
  const shown = new Map(), values = new Map(); // controls and their values, by name
  const wanted = new Map(); // values to be sent: only the latest of each control, one at a time
  const untold = new Map(); // values whose pictures are shown already and of which Python has not heard
  const seen = new Map(), asked = new Map(); // answers by state; what is asked for ahead
  let underWay = 0, answered = model.get("_answered"), drawn = null, timer = null, shape = null, figures = [];

  /** A name for the state of all controls, `change` being those that are different. */
  function state(change = {}) {
    const rounded = (value) => (typeof value === "number" ? Number(value.toPrecision(9)) : value);
    return JSON.stringify([model.get("_edition"), ...[...values].map(([name, value]) => rounded(change[name] ?? value))]);
  }
  function keep(name, answer) {
    seen.delete(name);
    seen.set(name, answer);
    if (seen.size > KEPT) seen.delete(seen.keys().next().value);
  }
  function send() {
    if (underWay || !wanted.size) return;
    const [[name, value]] = wanted;
    wanted.delete(name);
    underWay++;
    model.send({ to: name, value });
  }
  function changed(name, value, steady) {
    values.set(name, value);
    untold.delete(name);
    wanted.delete(name);
    if (steady && seen.has(state())) return showAgain(name);
    wanted.set(name, value);
    send();
  }
  function showAgain(name) {
    const answer = seen.get(state());
    keep(state(), answer);
    draw(answer);
    untold.set(name, values.get(name));
    clearTimeout(timer);
    timer = setTimeout(() => {
      untold.forEach((value, one) => wanted.set(one, value));
      untold.clear();
      send();
    }, REST);
  }
  function build() {
    const rows = model.get("_controls").map((row) => {
      const nodes = row.map((spec) => {
        const tell = (value) => changed(spec.name, value, spec.kind === "slider"); // others may change what there is to choose
        const make = { menu, buttons, slider, words, file }[spec.kind];
        const control = make(spec.label, spec.options || spec, spec.kind === "file" ? (one) => upload(spec.name, one) : tell);
        shown.set(spec.name, control);
        values.set(spec.name, spec.value);
        return spec.play ? [player(spec.name, control), control.node] : [control.node];
      });
      return element("div", { className: "selfme-row" }, ...nodes.flat());
    });
    root.replaceChildren(...rows, pictures, bar, note);
  }
  /** A file, in parts; then its name. */
  async function upload(name, file) {
    for (let at = 0; at === 0 || at < file.size; at += PART) {
      const part = await file.slice(at, at + PART).arrayBuffer();
      model.send({ to: name, first: at === 0 }, undefined, [part]);
      note.textContent = `sending ${file.name} …`;
    }
    changed(name, file.name);
  }
  /** A button that runs a slider through its range, over and over; pictures are asked for some at a time, before they are due. */
  function player(name, control) {
    let playing = false, waiting = false, due = 0;
    /** Numbers of frames may have gaps: Python takes the nearest. */
    const after = (value) => (value >= Number(control.input.max) ? Number(control.input.min) : value + 1);
    function ask(those) {
      const states = those.map((value) => state({ [name]: value })), number = unique();
      waiting = true;
      asked.set(number, (answers) => {
        answers.forEach((answer, at) => keep(states[at], answer));
        waiting = false;
        if (answers.length < those.length) toggle(); // the note says why
      });
      model.send({ to: name, ahead: those, ask: number });
    }
    function tick(now) {
      if (!playing || !node.isConnected) return;
      requestAnimationFrame(tick);
      if (now < due || !figures.flat().every((one) => one.isThere())) return;
      const coming = [after(values.get(name))];
      while (coming.length < 2 * AHEAD) coming.push(after(coming.at(-1)));
      const missing = coming.map((value) => !seen.has(state({ [name]: value })));
      const wanting = [...new Set(coming.filter((_, at) => missing[at]))];
      if (!waiting && missing.slice(0, AHEAD).includes(true)) ask(wanting.slice(0, AHEAD));
      if (missing[0]) return;
      due = Math.max(due + 45, now);
      control.show(coming[0]);
      changed(name, coming[0], true);
    }
    function toggle() {
      playing = !playing;
      node.textContent = playing ? "Pause" : "Play";
      if (playing) requestAnimationFrame(tick);
    }
    const node = button("Play", toggle);
    return node;
  }
  function fill() {
    model.get("_controls").flat().forEach((spec) => {
      const control = shown.get(spec.name);
      if (spec.kind === "menu" && control.input.options.length + "" + [...control.input.options].map((one) => one.text)
          !== spec.options.length + "" + spec.options) control.options(spec.options);
      if (spec.kind === "slider") control.range(spec.low, spec.high, spec.step);
      if (wanted.has(spec.name) || untold.has(spec.name)) return; // the reader, or what plays, is ahead
      values.set(spec.name, spec.value);
      const inHand = document.activeElement === control.input;
      if (!(inHand && (spec.kind === "words" || (spec.kind === "slider" && control.read() === spec.value))))
        control.show(spec.value);
    });
  }
  function draw({ panels, note: said }) {
    const lengths = String(panels.map((row) => row.length));
    if (lengths !== shape) {
      [shape, figures] = [lengths, panels.map((row) => row.map(figure))];
      const line = { className: "selfme-row selfme-pictures" };
      pictures.replaceChildren(...figures.map((row) => element("div", line, ...row.map((one) => one.node))));
    }
    panels.forEach((row, at) => row.forEach((panel, place) => figures[at][place].show(panel)));
    say(said);
  }
  function say(text) {
    if (note.textContent !== text) note.textContent = text;
  }
  function tell() {
    const share = model.get("_share");
    bar.hidden = typeof share !== "number";
    if (!bar.hidden) bar.value = share;
    note.setAttribute("aria-live", bar.hidden ? "polite" : "off"); // what changes all the time is not read out
    say(model.get("_note"));
  }
  /** What Python answers comes at once: controls, pictures, note; only then the next is asked for. */
  function follow() {
    if (model.get("_drawn") !== drawn) {
      drawn = model.get("_drawn");
      fill();
      const panels = model.get("_panels").map((row) => row.map(({ data, ...panel }) => ({ ...panel, source: address(data) })));
      const answer = { panels, note: model.get("_note") };
      keep(state(Object.fromEntries(model.get("_controls").flat().map((spec) => [spec.name, spec.value]))), answer);
      if (!untold.size) draw(answer);
    }
    if (!untold.size) tell();
    underWay = Math.max(underWay - (model.get("_answered") - answered), 0);
    answered = model.get("_answered");
    send();
  }
  const pictures = element("div", {});
  const bar = element("progress", { className: "selfme-progress", max: 1, "aria-label": "progress" });
  const note = element("p", { className: "selfme-note", role: "status" });
  build();
  follow();
  model.on("change", follow);
  model.on("msg:custom", ({ ask, answers }, buffers) => {
    const sources = buffers.map(address), whole = (row) => row.map(({ data, ...panel }) => ({ ...panel, source: sources[data] }));
    asked.get(ask)?.(answers.map(({ panels, note: said }) => ({ panels: panels.map(whole), note: said })));
    asked.delete(ask);
  });
}

/** A JPEG as an address. That of a blob would be loaded later, and a slider that moves fast would replace it before it is shown. */
function address({ buffer, byteOffset, byteLength }) {
  let text = "";
  for (let at = 0; at < byteLength; at += 8192)
    text += String.fromCharCode(...new Uint8Array(buffer, byteOffset + at, Math.min(8192, byteLength - at)));
  return `data:image/jpeg;base64,${btoa(text)}`;
}

/** A titled picture. It keeps its place, so nothing on the page moves, and what stays as it was is not loaded again. */
function figure() {
  const caption = element("figcaption"), image = element("img");
  let latest = "";
  function show({ title, source, width, height }) {
    if (caption.textContent !== title || !image.alt) [caption.textContent, image.alt] = [title, title || "picture"];
    if (source !== latest) Object.assign(image, { width, height, src: latest = source });
  }
  return { node: element("figure", {}, caption, image), show, isThere: () => image.complete };
}
