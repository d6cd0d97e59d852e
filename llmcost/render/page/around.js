// Sliders that stop where the engine has answered: one input at a time, the others as they were asked.
const inputs = document.getElementById("sliders");
const status = document.getElementById("live-answer");

function show(slider, at) {
  const row = slider.rows[at];
  status.textContent = row.headline;
  for (const q of ["centre", "p5", "p95"]) status.dataset[q] = row[q] === null ? "" : String(row[q]);
  document.getElementById("live-command").textContent = row.typed ? `${slider.option} ${row.typed}` : "as asked";
  history.replaceState(null, "", row.typed ? `#${slider.key}=${row.value}` : location.pathname);
  const column = (i) => row.curve.map((point) => point[i]);
  const far = row.p95 ?? row.centre;
  const until = far === null ? Infinity : 1.15 * far;
  const kept = row.curve.filter((point, i) => i < 2 || point[0] <= until).length;
  const cut = (i) => column(i).slice(0, kept);
  const band = (low, high) => (column(low)[0] === null ? null : [cut(low), cut(high)]);
  const bands = { t: band(2, 3), i: band(5, 6) };
  curves({
    day: cut(0), training: cut(1), inference: cut(4), days: row, level: row.level,
    bands: bands.t && bands.i ? bands : null,
  });
}

for (const slider of data.sliders) {
  const label = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
  Object.assign(input, { type: "range", min: 0, max: slider.rows.length - 1, step: 1, value: slider.asked });
  input.dataset.key = slider.key;
  input.dataset.asked = slider.asked;
  const tell = () => {
    output.textContent = slider.rows[Number(input.value)].shown;
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    for (const other of inputs.querySelectorAll("input"))
      if (other !== input && other.value !== other.dataset.asked) {
        other.value = other.dataset.asked;
        other.dispatchEvent(new Event("reset"));
      }
    tell();
    show(slider, Number(input.value));
  });
  input.addEventListener("reset", tell);
  label.append(slider.label, input, output);
  inputs.append(label);
  tell();
}
document.getElementById("live").hidden = false;
status.textContent = "Move a slider: the curves, the crossing and its range follow.";
const [key, value] = location.hash.slice(1).split("=");
const said = data.sliders.find((slider) => slider.key === key);
const at = said ? said.rows.findIndex((row) => row.value === Number(value)) : -1;
if (at >= 0) {
  const input = inputs.querySelector(`input[data-key="${said.key}"]`);
  input.value = at;
  input.dispatchEvent(new Event("reset"));
  show(said, at);
}
