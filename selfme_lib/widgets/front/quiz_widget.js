export default {
  render({ model, el }) {
    const root = document.createElement("div");
    el.append(root);
    makeQuiz(root, model.get("_quiz"));
  },
};
