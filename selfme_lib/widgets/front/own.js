// Own pictures, a video or the camera: decoded here by the browser, as small pictures that Python aligns.

const LONGEST_SIDE = 720, MOST_FRAMES = 120, RATE = 25; // px, frames, frames a second that are taken
const CAMERA_SECONDS = 3;

async function still(source, width, height) {
  const factor = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * factor), Math.round(height * factor));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  return new Uint8Array(await blob.arrayBuffer());
}

const happens = (target, name) => new Promise((resolve, reject) => {
  target.addEventListener(name, resolve, { once: true });
  target.addEventListener("error", () => reject(new Error("this browser cannot play it; save it as MP4 with H.264")), { once: true });
});

async function framesOfVideo(file, progress) {
  const video = element("video", { muted: true, preload: "auto", src: URL.createObjectURL(file) });
  await happens(video, "loadeddata");
  const count = Math.min(MOST_FRAMES, Math.max(2, Math.floor(video.duration * RATE))), frames = [];
  for (let at = 0; at < count; at++) {
    video.currentTime = Math.min((at + 0.5) / RATE, video.duration);
    await happens(video, "seeked");
    frames.push(await still(video, video.videoWidth, video.videoHeight));
    progress(`frame ${at + 1} of ${count}`);
  }
  URL.revokeObjectURL(video.src);
  return frames;
}

async function framesOfCamera(progress) {
  if (!navigator.mediaDevices) throw new Error("no camera here: the page must come from localhost or by https");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
  try {
    const video = element("video", { muted: true, srcObject: stream, playsInline: true });
    await video.play();
    const frames = [], begin = performance.now();
    while (performance.now() - begin < 1000 * CAMERA_SECONDS && frames.length < MOST_FRAMES) {
      const left = CAMERA_SECONDS - (performance.now() - begin) / 1000;
      progress(`recording, ${left.toFixed(0)} s left`);
      const next = performance.now() + 1000 / RATE;
      frames.push(await still(video, video.videoWidth, video.videoHeight));
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
    }
    return frames;
  } finally {
    stream.getTracks().forEach((track) => track.stop());
  }
}

async function framesOfFiles(files, progress) {
  if (files.length === 1 && files[0].type.startsWith("video/")) return framesOfVideo(files[0], progress);
  if (files.length < 2) throw new Error("choose a video, or two pictures or more: the onset first, by name");
  const late = (file) => Number(!/onset/i.test(file.name)); // apex would come before onset
  const order = (one, other) => late(one) - late(other) || one.name.localeCompare(other.name, "en", { numeric: true });
  const sorted = [...files].sort(order);
  return Promise.all(sorted.slice(0, MOST_FRAMES).map(async (file) => {
    const picture = await createImageBitmap(file).catch(() => {
      throw new Error(`${file.name}: no picture that this browser can read; save it as PNG or JPEG`);
    });
    return still(picture, picture.width, picture.height);
  }));
}

/** The buttons; what they take goes to Python, comes back as a clip, and is shown. */
function ownButtons(player) {
  const take = (name, frames) => player.attempt("", async () => {
    const taken = await frames((text) => player.say(text));
    player.say(`aligning ${taken.length} frames …`);
    const clip = await player.source.own(name, taken);
    player.clips.options(player.source.names);
    player.set({ clip });
  });
  const input = element("input", { type: "file", multiple: true, accept: "image/*,video/*", hidden: true });
  input.setAttribute("aria-label", "Your own pictures or video");
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) take(files[0].name, (progress) => framesOfFiles(files, progress));
  });
  return [button("Your pictures or video …", () => input.click(), "They stay on this machine."), input,
    button("Your camera", () => take("camera", framesOfCamera), "Three seconds; the first frame is the onset. They stay on this machine.")];
}
