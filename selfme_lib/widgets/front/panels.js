// An explorer whose pictures Python draws: rows of controls, rows of titled pictures, a note.

const AHEAD = 3; // pictures that are under way while an explorer plays

function showPanels(model, root) {
  let shown = {}, underWay = 0;
  const wanted = new Map(); // by control: only the latest value of each is sent, one at a time

  function send(most = 1) {
    if (underWay >= most || !wanted.size) return;
    const [[name, value]] = wanted;
    wanted.delete(name);
    underWay++;
    model.send({ to: name, value });
  }
  function changed(name, value, most) {
    wanted.delete(name);
    wanted.set(name, value);
    send(most);
  }
  function build() {
    const rows = model.get("_controls").map((row) => {
      const nodes = row.map((spec) => {
        const tell = (value, most) => changed(spec.name, value, most);
        const make = { menu, buttons, slider, words, file }[spec.kind];
        const control = make(spec.label, spec.options || spec, spec.kind === "file" ? (one) => upload(spec.name, one) : tell);
        shown[spec.name] = control;
        return spec.play ? [player(spec, control, tell), control.node] : [control.node];
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
  /** A button that runs a slider through its range, over and over. */
  function player(spec, control, tell) {
    let playing = false, due = 0;
    function tick(now) {
      if (!playing || !node.isConnected) return;
      requestAnimationFrame(tick);
      if (now < due || underWay >= AHEAD) return; // while one picture is shown, the next are drawn
      due = Math.max(due + 45, now);
      const { value, min, max } = control.input;
      const next = Number(value) >= Number(max) ? Number(min) : Number(value) + 1; // numbers may have gaps: Python takes the nearest
      control.show(next);
      tell(next, AHEAD);
    }
    const node = button("Play", () => {
      playing = !playing;
      node.textContent = playing ? "Pause" : "Play";
      if (playing) requestAnimationFrame(tick);
    });
    return node;
  }
  function fill() {
    model.get("_controls").flat().forEach((spec) => {
      const control = shown[spec.name];
      if (wanted.has(spec.name) || (spec.play && underWay > 1)) return; // the reader, or what plays, is ahead
      if (spec.kind === "menu" && control.input.options.length + "" + [...control.input.options].map((one) => one.text)
          !== spec.options.length + "" + spec.options) control.options(spec.options);
      if (spec.kind === "slider") control.range(spec.low, spec.high, spec.step);
      const inHand = document.activeElement === control.input;
      if (!(inHand && (spec.kind === "words" || (spec.kind === "slider" && control.read() === spec.value))))
        control.show(spec.value);
    });
  }
  function draw() {
    const rows = model.get("_panels").map((row) => {
      const figures = row.map(({ title, data, width }) => {
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        const image = element("img", { alt: title || "picture", width });
        image.src = URL.createObjectURL(new Blob([bytes]));
        image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
        return element("figure", {}, element("figcaption", { textContent: title }), image);
      });
      return element("div", { className: "selfme-row selfme-pictures" }, ...figures);
    });
    pictures.replaceChildren(...rows);
    tell();
  }
  function tell() {
    const share = model.get("_share");
    bar.hidden = typeof share !== "number";
    if (!bar.hidden) bar.value = share;
    note.setAttribute("aria-live", bar.hidden ? "polite" : "off"); // what changes all the time is not read out
    note.textContent = model.get("_note");
  }
  const pictures = element("div", {});
  const bar = element("progress", { className: "selfme-progress", max: 1, "aria-label": "progress" });
  const note = element("p", { className: "selfme-note", role: "status" });
  build();
  fill();
  draw();
  model.on("change:_controls", fill);
  model.on("change:_drawn", draw);
  model.on("change:_share", tell);
  model.on("change:_note", tell);
  model.on("msg:custom", () => {
    underWay = Math.max(underWay - 1, 0);
    send();
  });
}
