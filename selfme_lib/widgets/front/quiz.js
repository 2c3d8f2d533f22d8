// A quiz: questions with choices or numbers, marked one by one, with what to say about each answer.

function numberIn(text) {
  const plain = text.trim().replace(",", ".").replace("−", "-").replace(/\s*%$/, "");
  const parts = plain.split("/");
  if (parts.length > 2 || !parts.every((part) => /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(part))) return NaN;
  return parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(plain);
}

function judged(question, field) {
  if (question.choices) return field ? { right: question.choices[field.value].right, said: question.choices[field.value].said } : null;
  const value = numberIn(field.value);
  if (!field.value.trim()) return null;
  if (Number.isNaN(value)) return { right: false, said: "Write a number, such as 0.5 or 1/2." };
  const slack = question.within + 1e-9;
  if (Math.abs(value - question.number) <= slack) return { right: true, said: question.because };
  const near = (slip) => Math.abs(value - slip.number) <= Math.min(slack, Math.abs(slip.number - question.number) / 2);
  const slip = question.slips.find(near);
  return { right: false, said: slip ? slip.said : question.otherwise || "Not this number." };
}

function makeQuiz(root, quiz) {
  const prefix = `quiz-${Math.random().toString(36).slice(2)}`;
  const make = (tag, className, inner) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (inner !== undefined) element.innerHTML = inner;
    return element;
  };
  root.classList.add("selfme", "selfme-quiz");
  const results = quiz.questions.map(() => null);
  const score = make("p", "selfme-score", "");
  score.setAttribute("role", "status");
  const tell = () => {
    const done = results.filter((one) => one !== null).length;
    const right = results.filter(Boolean).length;
    score.textContent = done ? `${right} of ${done} answered right${done < quiz.questions.length ? "" : ", the first time"}.` : "";
    root.dataset.right = right;
    root.dataset.done = done;
  };
  root.append(make("h2", "", ""));
  root.firstChild.textContent = quiz.title;
  quiz.questions.forEach((question, index) => {
    const form = make("form", "selfme-question");
    const set = make("fieldset");
    set.append(make("legend", "", `<span>${index + 1}.</span> ${question.ask}`));
    if (question.choices) {
      question.choices.forEach((choice, place) => {
        const label = make("label", "selfme-choice", `<input type="radio" name="${prefix}-${index}" value="${place}"><span>${choice.text}</span>`);
        set.append(label);
      });
    } else {
      const label = make("label", "selfme-number", `<input type="text" inputmode="decimal" autocomplete="off" aria-label="a number"><span></span>`);
      label.lastChild.textContent = question.unit;
      set.append(label);
    }
    const said = make("p", "selfme-said");
    said.setAttribute("aria-live", "polite");
    const button = make("button", "selfme-button", "Check");
    form.append(set, button, said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const found = judged(question, form.querySelector(question.choices ? "input:checked" : "input"));
      said.dataset.right = found ? found.right : "";
      if (!found) {
        said.textContent = question.choices ? "Choose an answer first." : "Write a number first.";
        return;
      }
      const see = found.right || !question.see ? "" : ` <span class="selfme-see">Look again: ${question.see}.</span>`;
      said.innerHTML = `<strong>${found.right ? "Right." : "Not this."}</strong> ${found.said}${see}`;
      if (results[index] === null) results[index] = found.right; // what counts is the first answer
      tell();
    });
    form.addEventListener("keydown", (event) => event.stopPropagation()); // the notebook has keys of its own
    root.append(form);
  });
  root.append(score);
  tell();
}
