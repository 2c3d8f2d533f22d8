// A page without Python: clips stand in it as JSON, in <script type="application/json" class="selfme-clips">.

function decode(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** An explorer of clips as `static_explorer` writes them. */
function explorer({ clips, ...settings }) {
  const load = async (name) => {
    const { content, ...facts } = clips[name];
    return { facts, content: content.map(decode) };
  };
  const root = frame(settings.title);
  new Player(root, { ...settings, names: Object.keys(clips), load, changed() {} });
  return root;
}

for (const store of document.querySelectorAll("script.selfme-clips")) store.after(explorer(JSON.parse(store.textContent)));
