// An explorer whose pictures Python draws: rows of controls, rows of titled pictures, a note.

function showPanels(model, root) {
  let shown = {}, waiting = false;
  const wanted = new Map(); // by control: only the latest value of each is sent, one at a time

  function send() {
    if (waiting || !wanted.size) return;
    const [[name, value]] = wanted;
    wanted.delete(name);
    waiting = true;
    model.send({ set: name, value });
  }
  function changed(name, value) {
    wanted.delete(name);
    wanted.set(name, value);
    send();
  }
  function build() {
    const rows = model.get("_controls").map((row) => {
      const nodes = row.map((spec) => {
        const tell = (value) => changed(spec.name, value);
        const make = { menu, buttons, slider }[spec.kind];
        const control = make(spec.label, spec.kind === "slider" ? spec : spec.options, tell);
        shown[spec.name] = control;
        return spec.play ? [player(spec, control, tell), control.node] : [control.node];
      });
      return element("div", { className: "selfme-row" }, ...nodes.flat());
    });
    root.replaceChildren(...rows, pictures, note);
  }
  /** A button that runs a slider through its range, over and over. */
  function player(spec, control, tell) {
    let timer = null;
    const node = button("Play", () => {
      if (timer) timer = clearInterval(timer);
      else timer = setInterval(() => {
        if (!node.isConnected) return clearInterval(timer);
        if (waiting) return;
        const { value, min, max } = control.input;
        const next = Number(value) >= Number(max) ? Number(min) : Number(value) + 1; // numbers may have gaps: Python takes the nearest
        control.show(next);
        tell(next);
      }, 50);
      node.textContent = timer ? "Pause" : "Play";
    });
    return node;
  }
  function fill() {
    model.get("_controls").flat().forEach((spec) => {
      const control = shown[spec.name];
      if (wanted.has(spec.name)) return; // the reader is ahead
      if (spec.kind === "menu" && control.input.options.length + "" + [...control.input.options].map((one) => one.text)
          !== spec.options.length + "" + spec.options) control.options(spec.options);
      if (spec.kind === "slider") control.range(spec.low, spec.high, spec.step);
      if (document.activeElement !== control.input || spec.kind !== "slider" || control.read() !== spec.value)
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
    note.textContent = model.get("_note");
  }
  const pictures = element("div", {});
  const note = element("p", { className: "selfme-note", role: "status" });
  build();
  fill();
  draw();
  model.on("change:_controls", fill);
  model.on("change:_drawn", draw);
  model.on("msg:custom", () => {
    waiting = false;
    send();
  });
}
