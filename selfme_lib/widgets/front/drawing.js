// What a motion looks like: the warped face, arrows, colours, differences. STYLE comes from `plots.style`.

const SLOPES = 64, TURNS = 256; // of the table of colours
let table = null;

const cube = (value) => Math.max(value, 0) ** (1 / 3);
const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, value, at) => sum + value * vector[at], 0));
const linear = (value) => (value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92);
const encoded = (value) => (value > 0.0031308 ? 1.055 * value ** (1 / 2.4) - 0.055 : 12.92 * value);

/** Colours by direction and share of the full length, as `flow_to_rgb` mixes them in OKLab. */
function colourTable() {
  if (table) return table;
  const { toLms, toLab, fromLms, fromLab, wheel } = STYLE;
  const anchors = wheel.map((colour) => times(toLab, times(toLms, colour.map(linear)).map(cube)));
  table = new Uint8Array(TURNS * (SLOPES + 1) * 3);
  for (let turn = 0; turn < TURNS; turn++) {
    const at = (turn / TURNS) * wheel.length, first = Math.floor(at), share = at - first;
    const next = anchors[(first + 1) % wheel.length];
    const full = anchors[first].map((value, part) => value * (1 - share) + next[part] * share);
    for (let slope = 0; slope <= SLOPES; slope++) {
      const lab = full.map((value, part) => (part ? 0 : 1) + (slope / SLOPES) * (value - (part ? 0 : 1)));
      const rgb = times(fromLms, times(fromLab, lab).map((value) => value ** 3));
      rgb.forEach((value, part) => {
        table[3 * (turn * (SLOPES + 1) + slope) + part] = 255 * encoded(Math.min(Math.max(value, 0), 1)) + 0.5;
      });
    }
  }
  return table;
}

function paint(pixels, place, x, y, scale) {
  const colours = colourTable();
  const turn = Math.round(((Math.atan2(y, x) / (2 * Math.PI) + 1) % 1) * TURNS) % TURNS;
  const slope = Math.round(Math.min(Math.hypot(x, y) / scale, 1) * SLOPES);
  const from = 3 * (turn * (SLOPES + 1) + slope);
  for (let part = 0; part < 3; part++) pixels[4 * place + part] = colours[from + part];
  pixels[4 * place + 3] = 255;
}

/** One view of a motion as RGBA bytes of the frames' size; arrows are drawn on top of it by `drawArrows`. */
function viewOf(view, onset, flow, size, fullColour) {
  const area = size * size, pixels = new Uint8ClampedArray(4 * area);
  if (view === "warped face") return warp(onset, flow, size);
  const warped = view === "difference" ? warp(onset, flow, size) : null;
  for (let place = 0; place < area; place++) {
    if (view === "colour flow") {
      paint(pixels, place, -flow[place], -flow[area + place], fullColour);
      continue;
    }
    let value = 0;
    for (let part = 4 * place; part < 4 * place + 3; part++) value += warped ? warped[part] - onset[part] : onset[part];
    const grey = warped ? 127.5 + value : 127.5 + value / 6; // a difference threefold; a background half white
    pixels.fill(grey, 4 * place, 4 * place + 3);
    pixels[4 * place + 3] = 255;
  }
  return pixels;
}

function markFolds(pixels, folds, size, colour) {
  for (const at of folds) {
    const place = 4 * (at + size + 1);
    for (let part = 0; part < 3; part++) pixels[place + part] = colour[part];
  }
}

/** Arrows that point where the skin went, on a lattice of 24 x 24. */
function drawArrows(context, flow, size, side) {
  const area = size * size, every = Math.max(1, Math.floor(size / 24)), zoom = side / size;
  context.strokeStyle = context.fillStyle = STYLE.arrow;
  context.lineWidth = Math.max(1, side / 300);
  for (let y = Math.floor(every / 2); y < size; y += every)
    for (let x = Math.floor(every / 2); x < size; x += every) {
      const at = y * size + x, end = [x - flow[at] + 0.5, y - flow[area + at] + 0.5];
      context.beginPath();
      context.moveTo((x + 0.5) * zoom, (y + 0.5) * zoom);
      context.lineTo(end[0] * zoom, end[1] * zoom);
      context.stroke();
      context.beginPath();
      context.arc(end[0] * zoom, end[1] * zoom, Math.max(1, side / 260), 0, 7);
      context.fill();
    }
}

/** The wheel of the colours of motions. */
function drawWheel(canvas) {
  const side = canvas.width, middle = (side - 1) / 2, image = new ImageData(side, side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const across = (x - middle) / middle, down = (y - middle) / middle, place = y * side + x;
      paint(image.data, place, across, down, 1);
      image.data[4 * place + 3] = 255 * Math.min(Math.max((1 - Math.hypot(across, down)) * middle, 0), 1);
    }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
