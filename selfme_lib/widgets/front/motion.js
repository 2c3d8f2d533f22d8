// Motion, amplified: what `motion.diffeo` and `grids` do in Python, for one field at a time, so that a page needs no Python.
//
// A field is a Float32Array: x row by row, then y, in pixels of its own square lattice. Corners of all lattices coincide.

const LONGEST_STEP = 0.25; // px, of the first step of an exponential
const MOST_SQUARINGS = 7;

/** Per place of a lattice of `size`: the taps on one of `points`, and their weights: a cubic B-spline's, or linear ones. */
function taps(points, size, spline) {
  const count = spline ? 4 : 2;
  const index = new Int32Array(size * count), weight = new Float32Array(size * count);
  for (let place = 0; place < size; place++) {
    const at = (place * (points - 1)) / (size - 1);
    const first = Math.min(Math.floor(at), points - 1) - (spline ? 1 : 0);
    for (let tap = 0; tap < count; tap++) {
      const distance = Math.abs(at - first - tap);
      const inner = 2 / 3 - distance ** 2 + distance ** 3 / 2;
      const outer = Math.max(2 - distance, 0) ** 3 / 6;
      index[place * count + tap] = Math.min(Math.max(first + tap, 0), points - 1);
      weight[place * count + tap] = spline ? (distance < 1 ? inner : outer) : Math.max(1 - distance, 0);
    }
  }
  return { count, index, weight };
}

/** A field on a lattice of `size`, in its pixels, times `factor`: by a B-spline (Eq 9), or bilinearly. */
function expand(field, points, size, factor, spline) {
  const { count, index, weight } = taps(points, size, spline);
  const ratio = (factor * (size - 1)) / (points - 1);
  const wide = new Float32Array(2 * points * size), out = new Float32Array(2 * size * size);
  for (let row = 0; row < 2 * points; row++)
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (let tap = x * count; tap < (x + 1) * count; tap++) sum += weight[tap] * field[row * points + index[tap]];
      wide[row * size + x] = ratio * sum;
    }
  for (let part = 0; part < 2; part++)
    for (let y = 0; y < size; y++)
      for (let tap = y * count; tap < (y + 1) * count; tap++) {
        const from = (part * points + index[tap]) * size, to = (part * size + y) * size, share = weight[tap];
        for (let x = 0; x < size; x++) out[to + x] += share * wide[from + x];
      }
  return out;
}

/** `base + field(u + factor * displacement(u))`, bilinear, the border replicated; `base` may be null. */
function follow(field, displacement, factor, base, size) {
  const area = size * size, last = size - 1, out = new Float32Array(2 * area);
  for (let y = 0, place = 0; y < size; y++)
    for (let x = 0; x < size; x++, place++) {
      const u = Math.min(Math.max(x + factor * displacement[place], 0), last);
      const v = Math.min(Math.max(y + factor * displacement[area + place], 0), last);
      const left = Math.min(u | 0, last - 1), top = Math.min(v | 0, last - 1), a = u - left, b = v - top;
      const here = top * size + left;
      for (let part = 0, at = here; part < 2; part++, at += area) {
        const upper = field[at] + a * (field[at + 1] - field[at]);
        const lower = field[at + size] + a * (field[at + size + 1] - field[at + size]);
        const found = upper + b * (lower - upper);
        out[part * area + place] = base ? base[part * area + place] + found : found;
      }
    }
  return out;
}

/** exp(v) by scaling and squaring; the first step is the midpoint rule's. */
function exponential(velocity, size) {
  let longest = 0;
  for (const value of velocity) longest = Math.max(longest, Math.abs(value));
  const steps = Math.min(Math.max(Math.ceil(Math.log2(longest / LONGEST_STEP)), 0), MOST_SQUARINGS);
  const short = 2 ** -steps;
  let displacement = follow(velocity, velocity, short / 2, null, size).map((value) => short * value);
  for (let left = 0; left < steps; left++) displacement = follow(displacement, displacement, 1, displacement, size);
  return displacement;
}

/** The motion that is shown, in pixels of the frames. `how`: "spline", "bilinear" or "truth". */
function amplify(field, points, size, gamma, how) {
  const expanded = expand(field, points, size, gamma, how === "spline");
  return how === "spline" ? exponential(expanded, size) : expanded;
}

/** RGBA bytes moved backwards along a flow. */
function warp(pixels, flow, size) {
  const area = size * size, last = size - 1, out = new Uint8ClampedArray(4 * area);
  for (let y = 0, place = 0; y < size; y++)
    for (let x = 0; x < size; x++, place++) {
      const u = Math.min(Math.max(x + flow[place], 0), last), v = Math.min(Math.max(y + flow[area + place], 0), last);
      const left = Math.min(u | 0, last - 1), top = Math.min(v | 0, last - 1), a = u - left, b = v - top;
      const here = 4 * (top * size + left), under = here + 4 * size;
      for (let part = 0; part < 3; part++) {
        const upper = pixels[here + part] + a * (pixels[here + 4 + part] - pixels[here + part]);
        const lower = pixels[under + part] + a * (pixels[under + 4 + part] - pixels[under + part]);
        out[4 * place + part] = upper + b * (lower - upper);
      }
      out[4 * place + 3] = 255;
    }
  return out;
}

/** The longest vector of a flow, and which cells fold (det J <= 0), as numbers of their upper left pixels. */
function measure(flow, size) {
  const area = size * size, folds = [];
  let longest = 0;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const at = y * size + x;
      longest = Math.max(longest, flow[at] ** 2 + flow[area + at] ** 2);
      if (x === size - 1 || y === size - 1) continue;
      const xx = 1 + flow[at + 1] - flow[at], xy = flow[at + size] - flow[at];
      const yx = flow[area + at + 1] - flow[area + at], yy = 1 + flow[area + at + size] - flow[area + at];
      if (xx * yy - xy * yx <= 0) folds.push(at);
    }
  return { longest: Math.sqrt(longest), folds };
}
