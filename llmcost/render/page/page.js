// Sliders of a crossover: closed forms over what the engine wrote into the page; they agree with the command line.
"use strict";
const data = JSON.parse(document.getElementById("live-data").textContent);
const MONTH = 365.25 / 12;
const state = Object.fromEntries(data.sliders.map((s) => [s.key, s.value]));
const byKey = Object.fromEntries(data.sliders.map((s) => [s.key, s]));

// Requests served by day t at one request a day at launch: (e^kt - 1) / k, or t where nothing grows.
const served = (t, growth) => {
  const k = Math.log1p(growth) / MONTH;
  return Math.abs(k) < 1e-12 ? t : Math.expm1(k * t) / k;
};
// Its inverse; null where the total is never reached.
const dayOf = (total, growth) => {
  const k = Math.log1p(growth) / MONTH;
  if (Math.abs(k) < 1e-12) return total;
  return 1 + k * total > 0 ? Math.log1p(k * total) / k : null;
};
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

const short = (value) => {
  if (value === 0) return "0";
  const rung = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]].find(([at]) => Math.abs(value) >= at) || [1, ""];
  return Number((value / rung[0]).toPrecision(3)) + rung[1];
};
const show = (slider, value) => {
  if (slider.kind === "usd") return "$" + short(value);
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
  const chart = document.getElementById("chart");
  if (!chart) return;
  const [W, H, L, R, T, B] = data.box;
  const far = days.p95 ?? days.centre;
  const last = Math.min(state.horizon, far === null ? state.horizon : 1.15 * far) || 1;
  const perDay = data.per_day * (state.cost_per_request / byKey.cost_per_request.value) * (state.requests / byKey.requests.value);
  const training = data.training * (state.train_cost / byKey.train_cost.value);
  const at = Array.from({ length: 121 }, (_, i) => (last * i) / 120);
  const spend = at.map((t) => perDay * served(t, state.growth));
  const top = 1.08 * Math.max(training, spend[spend.length - 1]);
  const x = (t) => (L + (t / last) * (W - L - R)).toFixed(1);
  const y = (v) => (H - B - Math.min(Math.max(v / top, 0), 1) * (H - T - B)).toFixed(1);
  const line = (values) => "M" + at.map((t, i) => x(t) + " " + y(values[i])).join("L");
  const band = (low, high) =>
    "M" + [...at.map((t, i) => x(t) + " " + y(high(i))), ...at.map((t, i) => x(t) + " " + y(low(i))).reverse()].join("L") + "Z";
  const ratio = data.band;
  const make = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const step = (most) => {
    const rough = most / 5, power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 5, 10, 20].find((m) => most / (power * m) < 5);
  };
  const nodes = [make("title", {}, document.getElementById("headline").textContent)];
  for (let v = 0, s = step(top); v <= top; v += s) {
    nodes.push(make("path", { class: "grid", d: `M${L} ${y(v)}H${W - R}` }));
    nodes.push(make("text", { x: L - 6, y: Number(y(v)) + 4, "text-anchor": "end", class: "dim" }, "$" + short(v)));
  }
  for (let m = 0, s = step(last / MONTH); m <= last / MONTH; m += s)
    nodes.push(make("text", { x: x(m * MONTH), y: H - 14, "text-anchor": "middle", class: "dim" }, short(m)));
  nodes.push(make("text", { x: W - R + 6, y: H - 14, class: "dim" }, "months"));
  nodes.push(make("path", { class: "axis", d: `M${L} ${T}V${H - B}H${W - R}` }));
  if (ratio) {
    nodes.push(make("path", { class: "band t", d: band(() => training * ratio.training[0], () => training * ratio.training[1]) }));
    nodes.push(make("path", { class: "band i", d: band((i) => spend[i] * ratio.inference[0], (i) => spend[i] * ratio.inference[1]) }));
  }
  nodes.push(make("path", { class: "line t", d: line(at.map(() => training)) }));
  nodes.push(make("path", { class: "line i", d: line(spend) }));
  nodes.push(make("text", { x: W - R + 6, y: Number(y(training)) + 4, class: "t" }, "training $" + short(training)));
  nodes.push(make("text", { x: W - R + 6, y: Number(y(spend[120])) + 4, class: "i" }, "inference $" + short(spend[120])));
  if (days.centre !== null) nodes.push(make("circle", { class: "meet", cx: x(days.centre), cy: y(training), r: 5 }));
  if (days.p5 !== null) {
    const end = days.p95 === null ? W - R : x(days.p95), base = H - B + 4;
    nodes.push(make("path", { class: "w", d: `M${x(days.p5)} ${base - 4}v8M${x(days.p5)} ${base}H${end}M${end} ${base - 4}v8` }));
  }
  chart.replaceChildren(...nodes);
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
