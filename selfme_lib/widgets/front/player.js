// The amplification explorer: a clip as recorded beside itself amplified, played over and over; everything is computed here.

const SPEEDS = [5, 10, 20, 30]; // frames a second
const SWEEP = 8; // seconds from no motion to the largest amplification and back
const VIEWS = ["warped face", "arrows", "colour flow", "difference"];
const HOW = ["spline", "bilinear", "truth"];
const KEYS = [["Space", "play or pause"], ["← →", "one frame back or on"], ["↑ ↓", "γ up or down by ½"], ["A", "to the apex"],
  ["V", "the next view"], ["W", "wipe, or side by side"], ["T", "the true motion"], ["S", "sweep γ"]];

/** A clip's pixels and fields from what `moving.pack` sent. */
async function openClip({ facts, content }) {
  const jpegs = content.slice(0, facts.frames).map((bytes) => new Blob([bytes], { type: "image/jpeg" }));
  const frames = await Promise.all(jpegs.map((jpeg) => createImageBitmap(jpeg)));
  const canvas = new OffscreenCanvas(facts.size, facts.size), context = canvas.getContext("2d");
  context.drawImage(frames[facts.onset], 0, 0);
  const onset = context.getImageData(0, 0, facts.size, facts.size).data;
  const stored = ["motion", "truth"].slice(0, content.length - facts.frames);
  const bytes = stored.map((_, at) => {
    const view = content[facts.frames + at];
    return new Int8Array(view.buffer, view.byteOffset, view.byteLength);
  });
  const field = (name, place) => {
    const at = stored.indexOf(name), length = 2 * facts[name].lattice ** 2, scale = facts[name].scales[place];
    return Float32Array.from(bytes[at].subarray(place * length, (place + 1) * length), (value) => value * scale);
  };
  return { facts, frames, onset, field, known: stored.includes("truth") };
}

/** Flow of a clip at a moment: [frame, share of its motion], for γ. */
function flowAt(clip, [place, share], gamma, how) {
  const name = how === "truth" ? "truth" : "motion";
  return amplify(clip.field(name, place), clip.facts[name].lattice, clip.facts.size, gamma * share, how);
}

class Player {
  /** `source`: { names, start, largest, fullColour, load(name), changed(state), own?(...), save?(kind, state) }. */
  constructor(root, source) {
    Object.assign(this, { root, source, state: { ...source.start }, clip: null, made: new Map(), moment: 0, problem: "" });
    this.playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.wipe = { on: false, at: 0.5 };
    this.speed = 20;
    this.sweep = null;
    this.build();
    root.addEventListener("keydown", (event) => this.key(event));
    this.watch = new IntersectionObserver(([entry]) => (this.hidden = !entry.isIntersecting));
    this.watch.observe(root);
    this.open(this.state.clip);
    this.tick = this.tick.bind(this);
    this.handle = requestAnimationFrame(this.tick);
  }

  end() {
    cancelAnimationFrame(this.handle);
    this.watch.disconnect();
  }

  build() {
    const { source } = this, set = (name) => (value) => this.set({ [name]: value });
    const canvas = () => element("canvas", { className: "selfme-canvas", width: 512, height: 512, role: "img" });
    const figure = (one) => element("figure", {}, element("figcaption"), one);
    this.canvases = [canvas(), canvas()];
    this.figures = this.canvases.map(figure);
    this.clips = menu("clip", source.names, (at) => this.set({ clip: source.names[at] }));
    this.about = element("p", { className: "selfme-about" });
    this.play = button("Pause", () => this.setPlaying(!this.playing));
    this.seek = slider("frame", { low: 0, high: 1, step: 1, digits: 0 }, (value) => this.stop(value));
    this.marks = element("div", { className: "selfme-marks", "aria-hidden": "true" });
    const track = element("div", { className: "selfme-track" });
    this.seek.input.replaceWith(track);
    track.append(this.seek.input, this.marks);
    this.pace = menu("speed", SPEEDS.map((one) => `${one} frames a second`), (at) => (this.speed = SPEEDS[at]));
    this.pace.show(SPEEDS.indexOf(this.speed));
    this.gamma = slider("γ", { low: 0, high: source.largest, step: 0.1, digits: 1 }, (gamma) => this.set({ gamma }));
    this.sweeper = button("Sweep γ", () => this.setSweep(this.sweep === null), "from no motion to the largest γ and back");
    this.how = buttons("motion", ["smooth (B-spline + exp)", "raw (bilinear)", "show truth"], (at) => this.set({ how: HOW[at] }));
    this.view = buttons("view", VIEWS, (at) => this.set({ view: VIEWS[at] }));
    this.layout = buttons("layout", ["side by side", "wipe"], (at) => this.setWipe(at === 1));
    this.divider = slider("divider", { low: 0, high: 1, step: 0.01, digits: 2 }, (at) => this.setDivider(at));
    this.note = element("p", { className: "selfme-note", role: "status" });
    this.wheel = element("canvas", { width: 72, height: 72, className: "selfme-wheel", role: "img" });
    this.scale = element("span", {});
    drawWheel(this.wheel);
    this.wheel.setAttribute("aria-label", "Colour wheel: the colour says where the skin goes, its strength how far.");
    this.legend = element("div", { className: "selfme-legend" }, this.wheel, this.scale);
    const row = (...nodes) => element("div", { className: "selfme-row" }, ...nodes);
    const keys = element("dl", {}, ...KEYS.flatMap(([key, does]) =>
      [element("dt", {}, element("kbd", { textContent: key })), element("dd", { textContent: does })]));
    const help = element("details", { className: "selfme-keys" }, element("summary", { textContent: "Keys" }), keys);
    const more = row(...this.saving(), ...(source.own ? ownButtons(this) : []));
    this.stage = element("div", { className: "selfme-stage", tabIndex: 0, role: "group" }, ...this.figures);
    this.stage.setAttribute("aria-label", "The clip as recorded, and amplified. Space plays, up and down turn γ.");
    this.root.replaceChildren(row(this.clips.node, this.about), this.stage, row(this.play, this.seek.node, this.pace.node),
      row(this.gamma.node, this.sweeper, this.layout.node, this.divider.node), row(this.view.node), row(this.how.node),
      this.legend, this.note, more, help);
    this.drag();
    this.setPlaying(this.playing);
    this.setWipe(false);
    this.setDivider(0.5);
  }

  saving() {
    if (!this.source.save) return [];
    return ["GIF", "MP4"].map((kind) => button(`Save ${kind}`, () => this.attempt(`writing ${kind} …`, async () => {
      const { name, bytes } = await this.source.save(kind.toLowerCase(), this.state);
      const link = element("a", { href: URL.createObjectURL(new Blob([bytes])), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      return `${name} is saved`;
    })));
  }

  /** Do what takes time; say what is done, and what became of it. */
  async attempt(doing, work) {
    this.say(doing);
    try {
      this.say((await work()) || "");
    } catch (error) {
      this.say(error.message || String(error), true);
    }
  }

  say(text, wrong = false) {
    this.message = text;
    this.note.classList.toggle("selfme-wrong", wrong);
    this.tell();
  }

  /** Change the state: at once here, and later wherever it is kept. */
  set(change, quiet = false) {
    const before = this.state;
    this.state = { ...before, ...change };
    this.made.clear();
    if (this.state.clip !== before.clip) this.open(this.state.clip);
    else this.refresh();
    if (!quiet) this.source.changed(this.state);
  }

  async open(name) {
    this.say("the clip is on its way; if it does not come, run the cell");
    try {
      const clip = await openClip(await this.source.load(name));
      if (name !== this.state.clip) return; // the reader has moved on
      this.clip = clip;
    } catch (error) {
      this.say(error.message || String(error), true);
      return;
    }
    this.say("");
    this.made.clear();
    this.moment = Math.min(this.moment, this.clip.facts.moments.length - 1);
    const { facts } = this.clip, last = facts.moments.length - 1;
    this.seek.range(0, last, 1);
    this.pair = facts.frames === 2;
    const marks = this.pair ? [["onset", 0], ["apex", last / 2 + 0.5]]
      : [["onset", facts.onset], ["apex", facts.apex], ["offset", facts.offset]].filter(([, at]) => at !== null);
    const place = (at) => `calc(8px + (100% - 16px) * ${at / Math.max(last, 1)})`;
    const mark = ([name, at], className) => {
      const node = element("span", { className, textContent: name });
      node.style.left = place(at);
      return node;
    };
    const blinks = facts.blinks.map((at) => mark(["", at], "selfme-blink"));
    if (blinks.length) blinks[Math.floor(blinks.length / 2)].textContent = "blink";
    this.marks.replaceChildren(...blinks, ...marks.map((one) => mark(one, "")));
    this.refresh();
  }

  refresh() {
    const { state, source } = this, how = this.how_();
    this.clips.show(source.names.indexOf(state.clip));
    this.gamma.show(state.gamma);
    this.view.show(VIEWS.indexOf(state.view));
    if (!this.clip) return;
    this.how.enable(2, this.clip.known);
    this.how.show(HOW.indexOf(how));
    this.about.textContent = this.clip.facts.about;
    const shown = how === "truth" ? "true motion" : this.pair ? "between onset and apex" : "amplified";
    this.figures[0].firstChild.textContent = this.pair ? "as it is: γ = 1" : "as recorded";
    this.figures[1].firstChild.textContent = `${state.view}, γ = ${state.gamma.toFixed(1)} (${shown})`;
    this.canvases[0].setAttribute("aria-label", `${state.clip}, as recorded`);
    this.canvases[1].setAttribute("aria-label", `${state.clip}, ${this.figures[1].firstChild.textContent}`);
    this.scale.textContent = `full colour: ${source.fullColour} px or more, towards where the skin goes`;
    this.legend.hidden = state.view !== "colour flow";
    this.draw();
  }

  /** How the motion is made: the truth only where it is known. */
  how_() {
    return this.state.how === "truth" && this.clip && !this.clip.known ? "spline" : this.state.how;
  }

  /** Both pictures of a moment, made once for each γ and view. */
  picture(moment) {
    const { clip, state, made } = this, at = clip.facts.moments[moment], { size } = clip.facts;
    if (!made.has(moment)) {
      const flow = flowAt(clip, at, state.gamma, this.how_()), { longest, folds } = measure(flow, size);
      const pixels = viewOf(state.view, clip.onset, flow, size, this.source.fullColour);
      if (state.view !== "warped face" || this.how_() === "bilinear") markFolds(pixels, folds, size, STYLE.fold);
      made.set(moment, { flow, longest, folds: folds.length, image: this.bitmap(pixels, size) });
    }
    return made.get(moment);
  }

  bitmap(pixels, size) {
    const canvas = new OffscreenCanvas(size, size);
    canvas.getContext("2d").putImageData(new ImageData(pixels, size, size), 0, 0);
    return canvas;
  }

  recorded(moment) {
    const { clip } = this, at = clip.facts.moments[moment], { size } = clip.facts;
    if (!this.pair) return clip.frames[at[0]];
    clip.between ||= [];
    clip.between[moment] ||= this.bitmap(warp(clip.onset, flowAt(clip, at, 1, "spline"), size), size);
    return clip.between[moment];
  }

  draw() {
    if (!this.clip) return;
    const shown = this.picture(this.moment), before = this.recorded(this.moment), { size } = this.clip.facts;
    const [left, right] = this.canvases, side = right.width, context = right.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(shown.image, 0, 0, side, side);
    if (this.state.view === "arrows") drawArrows(context, shown.flow, size, side);
    if (this.wipe.on) {
      const edge = Math.round(side * this.wipe.at), share = edge / side;
      if (edge) context.drawImage(before, 0, 0, size * share, size, 0, 0, edge, side);
      context.fillStyle = "#fff";
      context.fillRect(edge - 2, 0, 4, side);
      context.fillStyle = STYLE.ink;
      context.fillRect(edge - 1, 0, 2, side);
    } else left.getContext("2d").drawImage(before, 0, 0, side, side);
    this.seek.show(this.moment);
    const [place, share] = this.clip.facts.moments[this.moment], { frames, rate, onset } = this.clip.facts;
    const when = rate ? `, ${Math.round((1000 * (place - onset)) / rate)} ms`.replace("-", "−") : "";
    const text = this.pair ? `${Math.round(100 * share)} %` : `${place + 1} of ${frames}${when}`;
    this.seek.node.querySelector("output").value = text;
    this.seek.input.setAttribute("aria-valuetext", text);
    Object.assign(this.root.dataset, { moment: this.moment, gamma: this.state.gamma, drawn: Number(this.root.dataset.drawn || 0) + 1 });
    this.tell();
  }

  /** The note: in words only while nothing plays, so that a screen reader is not flooded. */
  tell() {
    const shown = this.made.get(this.moment);
    const cells = this.clip && shown ? (100 * shown.folds) / (this.clip.facts.size - 1) ** 2 : 0;
    const numbers = shown ? `longest motion ${shown.longest.toFixed(2)} px · ${cells.toFixed(2)} % of the cells fold (orange)` : "";
    this.note.setAttribute("aria-live", this.playing ? "off" : "polite");
    const text = [this.message, numbers].filter(Boolean).join(" · ");
    if (this.note.textContent !== text) this.note.textContent = text;
  }

  tick(now) {
    this.handle = requestAnimationFrame(this.tick);
    if (!this.clip || this.hidden || document.hidden) return void (this.due = now);
    if (this.sweep !== null) {
      const turn = (now / 1000 - this.sweep) / SWEEP, share = 1 - Math.abs(1 - 2 * (turn % 1));
      const gamma = Math.round(10 * share * this.source.largest) / 10;
      if (gamma !== this.state.gamma) this.set({ gamma });
    }
    if (!this.playing || now < (this.due || 0)) return;
    const period = 1000 / this.speed;
    this.due = Math.max((this.due || now) + period, now - period);
    this.moment = (this.moment + 1) % this.clip.facts.moments.length;
    this.draw();
  }

  setPlaying(on) {
    this.playing = on;
    this.play.textContent = on ? "Pause" : "Play";
    this.tell();
  }

  setSweep(on) {
    const turn = this.state.gamma / this.source.largest / 2; // it goes on from where it is
    this.sweep = on ? performance.now() / 1000 - turn * SWEEP : null;
    this.sweeper.setAttribute("aria-pressed", on);
  }

  setWipe(on) {
    this.wipe.on = on;
    this.layout.show(on ? 1 : 0);
    this.figures[0].hidden = on;
    this.divider.node.hidden = !on;
    this.stage.classList.toggle("selfme-wiped", on);
    this.draw();
  }

  setDivider(at) {
    this.wipe.at = Math.min(Math.max(at, 0), 1);
    this.divider.show(this.wipe.at);
    this.draw();
  }

  drag() {
    const canvas = this.canvases[1];
    const move = (event) => this.wipe.on && event.buttons && this.setDivider(event.offsetX / canvas.clientWidth);
    canvas.addEventListener("pointerdown", (event) => {
      if (this.wipe.on) canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    canvas.addEventListener("pointermove", move);
  }

  /** Pause at a moment. */
  stop(moment) {
    const count = this.clip ? this.clip.facts.moments.length : 1;
    this.moment = (moment + count) % count;
    this.setPlaying(false);
    this.draw();
  }

  key(event) {
    const { target, key } = event, range = target.type === "range", arrow = key.startsWith("Arrow");
    if (event.ctrlKey || event.metaKey || event.altKey || target.tagName === "SELECT" || target.tagName === "SUMMARY") return;
    if (arrow && (range || target.type === "radio")) return;
    if (key === " " && ["BUTTON", "INPUT"].includes(target.tagName) && !range) return;
    const turn = (by) => this.set({ gamma: Math.min(Math.max(Math.round(10 * (this.state.gamma + by)) / 10, 0), this.source.largest) });
    const apex = () => this.clip && this.clip.facts.moments.findIndex(([place, share]) => place === this.clip.facts.apex && share > 0.99);
    const does = {
      " ": () => this.setPlaying(!this.playing), ArrowLeft: () => this.stop(this.moment - 1), ArrowRight: () => this.stop(this.moment + 1),
      ArrowUp: () => turn(0.5), ArrowDown: () => turn(-0.5), a: () => this.stop(Math.max(apex(), 0)), s: () => this.setSweep(this.sweep === null),
      w: () => this.setWipe(!this.wipe.on), v: () => this.set({ view: VIEWS[(VIEWS.indexOf(this.state.view) + 1) % VIEWS.length] }),
      t: () => this.clip?.known && this.set({ how: this.state.how === "truth" ? "spline" : "truth" }),
    }[key.length === 1 ? key.toLowerCase() : key];
    if (!does) return;
    event.preventDefault();
    does();
  }
}
