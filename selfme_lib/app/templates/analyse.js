"use strict";
(() => {
  const film = document.querySelector("video");
  const track = document.querySelector(".track");
  if (!film || !track) return;
  const head = track.querySelector(".playhead"), said = document.querySelector("#now");
  const length = Number(track.dataset.length), half = 0.5 / Number(track.dataset.rate);
  const bands = [...track.querySelectorAll(".band")].map(band => ({
    band, onset: Number(band.dataset.onset), offset: Number(band.dataset.offset), words: band.getAttribute("aria-label"),
  }));
  let span = null;  // what is repeated slowly

  function seek(seconds) {
    film.currentTime = Math.min(Math.max(seconds + half, 0), Math.max(film.duration - half, 0) || seconds);
    show(seconds);
  }
  function show(seconds) {
    head.style.left = `${100 * Math.min(seconds / length, 1)}%`;
    const here = bands.filter(one => seconds >= one.onset - half && seconds <= one.offset + half);
    for (const one of bands) one.band.classList.toggle("here", here.includes(one));
    const words = here.map(one => one.words).join("; ");
    if (said.textContent !== words) said.textContent = words;
  }
  function follow() {
    if (span && film.currentTime > span[1]) film.currentTime = span[0];
    show(film.currentTime);
    if (!film.paused) requestAnimationFrame(follow);
  }
  function stopRepeating() {
    span = null;
    film.playbackRate = 1;
    for (const button of document.querySelectorAll(".slowly")) button.setAttribute("aria-pressed", "false");
  }
  film.addEventListener("play", () => requestAnimationFrame(follow));
  film.addEventListener("seeked", () => show(film.currentTime));
  film.addEventListener("timeupdate", () => film.paused || show(film.currentTime));
  for (const band of track.querySelectorAll(".band")) band.addEventListener("click", event => {
    event.stopPropagation();
    stopRepeating();
    film.pause();
    seek(Number(band.dataset.apex));
  });
  track.addEventListener("click", event => {
    const box = track.getBoundingClientRect();
    stopRepeating();
    seek(length * (event.clientX - box.left) / box.width);
  });
  for (const button of document.querySelectorAll(".slowly")) button.addEventListener("click", () => {
    const going = button.getAttribute("aria-pressed") === "true";
    stopRepeating();
    if (going) return film.pause();
    button.setAttribute("aria-pressed", "true");
    span = [Math.max(Number(button.dataset.onset) - 0.3, 0), Math.min(Number(button.dataset.offset) + 0.3, film.duration - half)];
    film.playbackRate = 0.25;
    seek(span[0]);
    film.scrollIntoView({block: "center", behavior: "smooth"});
    film.play();
  });
  document.documentElement.classList.add("scripted");
})();
