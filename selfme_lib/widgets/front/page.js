// A page without Python: clips stand in it as JSON, in <script type="application/json" class="selfme-clips">.

function decode(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

for (const store of document.querySelectorAll("script.selfme-clips")) {
  const { clips, ...settings } = JSON.parse(store.textContent);
  const load = async (name) => {
    const { content, ...facts } = clips[name];
    return { facts, content: content.map(decode) };
  };
  const root = frame(settings.title);
  store.after(root);
  new Player(root, { ...settings, names: Object.keys(clips), load, changed() {} });
}
