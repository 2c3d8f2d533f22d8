// Between Jupyter and the explorers.

/** Where a player in a notebook gets its clips from. */
function pythonSource(model) {
  const waiting = new Map();
  let asked = 0, sent = 0, timer = null;
  const ask = (message, buffers = []) => new Promise((resolve, reject) => {
    waiting.set(++asked, { resolve, reject });
    model.send({ ...message, ask: asked }, undefined, buffers);
  });
  model.on("msg:custom", (message, buffers) => {
    const { resolve, reject } = waiting.get(message.answer) || {};
    waiting.delete(message.answer);
    if (message.problem) reject?.(new Error(message.problem));
    else resolve?.({ ...message, buffers });
  });
  const source = {
    names: model.get("_names"), start: model.get("_state"), ...model.get("_scale"),
    load: async (name) => {
      const { facts, buffers } = await ask({ do: "load", name });
      return { facts, content: buffers };
    },
    changed(state) {
      clearTimeout(timer);
      timer = setTimeout(() => model.send({ do: "state", state, number: ++sent }), 100);
    },
    isNewer: (state) => (state.number ?? sent) >= sent,
    async save(kind, state) {
      const { name, buffers } = await ask({ do: "save", kind, state });
      return { name, bytes: buffers[0] };
    },
    async own(name, frames) {
      for (let at = 0, some = [], size = 0; at < frames.length; at++) {
        some.push(frames[at]);
        size += frames[at].byteLength;
        if (size < PART && at < frames.length - 1) continue;
        model.send({ do: "part", first: at + 1 === some.length }, undefined, some);
        [some, size] = [[], 0];
      }
      const answer = await ask({ do: "own", name });
      source.names = answer.names;
      return answer.name;
    },
  };
  return source;
}

export default {
  render({ model, el }) {
    const root = frame(model.get("_title"));
    el.append(root);
    if (!model.get("_player")) return void showPanels(model, root);
    const source = pythonSource(model), player = new Player(root, source);
    model.on("change:_names", () => {
      source.names = model.get("_names");
      player.clips.options(source.names);
      player.refresh();
    });
    model.on("change:_state", () => {
      const { number, ...state } = model.get("_state");
      if (source.isNewer({ number })) player.set(state, true);
    });
    return () => player.end();
  },
};
