// Sliders of a crossover: closed forms over what the engine wrote into the page; they agree with the command line.
const state = Object.fromEntries(data.sliders.map((s) => [s.key, s.value]));
const byKey = Object.fromEntries(data.sliders.map((s) => [s.key, s]));

// Training over one day of inference at launch [days]; scales with what the sliders change.
const scale = () =>
  (state.train_cost / byKey.train_cost.value) /
  ((state.cost_per_request / byKey.cost_per_request.value) * (state.requests / byKey.requests.value));

function answer() {
  const factor = scale();
  const days = {};
  for (const q of ["centre", "p5", "p95"]) {
    const level = data.level[q];
    const day = level === null ? null : dayOf(level * factor, state.growth);
    days[q] = day !== null && day <= state.horizon ? day : null;
  }
  return days;
}

const show = (slider, value) => {
  if (slider.kind === "usd") return money(value);
  if (slider.kind === "growth") return Number((100 * value).toPrecision(3)) + "%/mo";
  if (slider.kind === "days") return Number((value / 365.25).toPrecision(3)) + " y";
  return short(value) + "/day";
};
const typed = (slider, value) => {
  if (slider.kind === "growth") return 100 * value + "%/mo";
  if (slider.kind === "days") return value + "d";
  const ends = slider.range.map((end) => (end * value) / slider.value);
  return (ends.length ? ends : [value]).map((end) => end + (slider.kind === "per_day" ? "/day" : "")).join("..");
};

function draw(days) {
  const far = days.p95 ?? days.centre;
  const last = Math.min(state.horizon, far === null ? state.horizon : 1.15 * far) || 1;
  const perDay = data.per_day * (state.cost_per_request / byKey.cost_per_request.value) * (state.requests / byKey.requests.value);
  const training = data.training * (state.train_cost / byKey.train_cost.value);
  const day = Array.from({ length: 121 }, (_, i) => (last * i) / 120);
  const spend = day.map((t) => perDay * served(t, state.growth));
  const times = (values, factor) => values.map((v) => v * factor);
  const flat = day.map(() => training);
  const ratio = data.band;
  curves({
    day, training: flat, inference: spend, days, level: training,
    bands: ratio && {
      t: [times(flat, ratio.training[0]), times(flat, ratio.training[1])],
      i: [times(spend, ratio.inference[0]), times(spend, ratio.inference[1])],
    },
  });
}

function update() {
  const days = answer();
  const span = (d) => (d === null ? "beyond the horizon" : `day ${d.toLocaleString("en-US", { maximumFractionDigits: 0 })}`);
  let text = days.centre === null ? "Inference does not overtake training within the horizon" : `Inference overtakes training on ${span(days.centre)}`;
  if (data.band && days.centre !== null && days.p5 !== null) text += `, range ${span(days.p5)} to ${span(days.p95)}`;
  const status = document.getElementById("live-answer");
  status.textContent = text + ".";
  for (const q of ["centre", "p5", "p95"]) status.dataset[q] = days[q] === null ? "" : String(days[q]);
  const changed = data.sliders.filter((s) => state[s.key] !== s.value);
  const options = data.sliders.map((s) => `${s.option} ${typed(s, state[s.key])}`);
  document.getElementById("live-command").textContent = "llmcost crossover " + options.join(" ");
  history.replaceState(null, "", changed.length ? "#" + changed.map((s) => `${s.key}=${state[s.key]}`).join("&") : location.pathname);
  draw(days);
}

for (const part of location.hash.slice(1).split("&")) {
  const [key, value] = part.split("=");
  const slider = byKey[key], number = Number(value);
  if (slider && Number.isFinite(number) && number >= slider.low && number <= slider.high) state[key] = number;
}
for (const slider of data.sliders) {
  const label = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
  const log = slider.low > 0;
  const to = (v) => (log ? Math.log(v / slider.low) / Math.log(slider.high / slider.low) : (v - slider.low) / (slider.high - slider.low));
  const from = (p) => (log ? slider.low * (slider.high / slider.low) ** p : slider.low + p * (slider.high - slider.low));
  Object.assign(input, { type: "range", min: 0, max: 1, step: "any", value: to(state[slider.key]) });
  input.dataset.key = slider.key;
  const tell = () => { output.textContent = show(slider, state[slider.key]); input.setAttribute("aria-valuetext", output.textContent); };
  input.addEventListener("input", () => { state[slider.key] = Number(from(Number(input.value)).toPrecision(4)); tell(); update(); });
  label.append(slider.label, input, output);
  document.getElementById("sliders").append(label);
  tell();
}
document.getElementById("live").hidden = false;
if (location.hash.length > 1) update();
else document.getElementById("live-answer").textContent = "Move a slider: the curves, the crossing and its range follow.";
