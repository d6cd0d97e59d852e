// Sliders of a crossover: those that keep a law move together; the others stop where the engine has answered, one of them
// at a time. `data.base` is the answer as it was asked.
const free = Object.fromEntries((data.free || []).map((s) => [s.key, s]));
const state = Object.fromEntries((data.free || []).map((s) => [s.key, s.value]));
let stop = null; // the slider that was moved among the others, and its place

const moved = () => Object.values(free).filter((s) => state[s.key] !== s.value);
const power = (side) =>
  Object.values(free).reduce((all, s) => all * (s.powers[side] ? (state[s.key] / s.value) ** s.powers[side] : 1), 1);
const horizon = () => state.horizon ?? data.horizon;
const growthOf = (row) => ("growth" in state && state.growth !== free.growth.value ? state.growth : row.growth);

// Days of the crossing and of its range: null beyond the horizon, "unknown" where only the command can say.
function daysOf(row) {
  if (!moved().length) return { centre: row.centre, p5: row.p5, p95: row.p95 };
  const factor = power(0) / power(1), growth = growthOf(row), days = {};
  for (const q of ["centre", "p5", "p95"]) {
    const level = row.levels[q];
    const day = dayOf((level ?? served(data.horizon, row.growth)) * factor, growth); // of what is not known, the least
    const within = day !== null && day <= horizon();
    days[q] = level === null ? (within ? "unknown" : null) : within ? day : null;
  }
  return days;
}

const span = (d) => {
  if (d === null) return "beyond the horizon";
  return d === "unknown" ? "a day that the command knows" : `day ${d.toLocaleString("en-US", { maximumFractionDigits: 0 })}`;
};

function said(row, days) {
  if (!moved().length || !row.levels) return row.headline;
  if (days.centre === null) return "Inference does not overtake training within the horizon.";
  const text = `Inference overtakes training on ${span(days.centre)}`;
  return days.p5 === null || days.p5 === days.p95 ? `${text}.` : `${text}, range ${span(days.p5)} to ${span(days.p95)}.`;
}

// A line through the chart of a comparison, where its slider stands.
function cursor(at) {
  const chart = document.querySelector("svg.along");
  if (!chart) return;
  const [top, bottom] = chart.querySelector(".axis").getAttribute("d").match(/ ([\d.]+)V([\d.]+)/).slice(1);
  chart.querySelector(".place")?.remove();
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("class", "w place");
  line.setAttribute("d", `M${at} ${top}V${bottom}`);
  chart.append(line);
}

function draw(row, days) {
  if (!row.curve.length) return cursor(row.at); // of a comparison
  const known = (d) => (typeof d === "number" ? d : null);
  const far = known(days.p95) ?? known(days.centre);
  const until = far === null ? horizon() ?? Infinity : 1.15 * far;
  const [training, inference] = moved().length ? [power(0), power(1)] : [1, 1];
  const growth = growthOf(row);
  const more = (t) => (growth === row.growth || t <= 0 ? 1 : served(t, growth) / served(t, row.growth));
  const kept = row.curve.filter((point, i) => i < 2 || point[0] <= until);
  const side = (i, factor, time) => kept.map((point) => point[i] * factor * (time ? more(point[0]) : 1));
  const band = (low, high, ...how) => (kept[0][low] === null ? [] : [side(low, ...how), side(high, ...how)]);
  const bands = { t: band(2, 3, training), i: band(5, 6, inference, true) };
  curves({
    day: kept.map((point) => point[0]), training: side(1, training), inference: side(4, inference, true),
    days: { centre: known(days.centre), p5: known(days.p5), p95: known(days.p95) },
    level: row.level === null ? null : row.level * training,
    bands,
  });
}

function update() {
  const row = stop === null ? data.base ?? data.sliders[0].rows[0] : stop.slider.rows[stop.at];
  const days = row.levels ? daysOf(row) : { centre: row.centre, p5: row.p5, p95: row.p95 };
  status.textContent = said(row, days);
  for (const q of ["centre", "p5", "p95"]) status.dataset[q] = days[q] === null ? "" : String(days[q]);
  const options = moved().map((s) => option(s, state[s.key]));
  const places = moved().map((s) => `${s.key}=${state[s.key]}`);
  if (stop !== null && row.typed) {
    options.push([stop.slider.option, " ", row.typed]);
    places.push(`${stop.slider.key}=${row.value}`);
  }
  document.getElementById("live-command").textContent = command(options);
  address(places);
  draw(row, days);
}

function asAsked(sliders) {
  for (const slider of sliders) {
    if (slider.rows) slider.place = slider.asked;
    else state[slider.key] = slider.value;
    slider.put(slider.rows ? slider.asked : slider.to(slider.value));
  }
}

for (const slider of Object.values(free))
  freely(slider, () => state[slider.key], (value) => {
    state[slider.key] = value;
    if (stop !== null && stop.slider.alone) asAsked([stop.slider]), (stop = null);
  });
function moveTo(slider, at) {
  asAsked(data.sliders.filter((other) => other !== slider && other.place !== other.asked));
  if (slider.alone) asAsked(moved());
  slider.place = at;
  stop = { slider, at };
}
for (const slider of data.sliders) {
  slider.place = slider.asked;
  const attributes = { min: 0, max: slider.rows.length - 1, step: 1, value: slider.asked };
  control(slider, attributes, () => slider.rows[slider.place].shown, (at) => moveTo(slider, at));
}
document.getElementById("live").hidden = false;
status.textContent = data.base ? "Move a slider: the curves, the crossing and its range follow." : "Move the slider: who is cheapest there, and by how much.";
let asked = false;
for (const [key, value] of addressed()) {
  const other = data.sliders.find((slider) => slider.key === key);
  const at = other ? other.rows.findIndex((row) => row.value === value) : -1;
  if (at >= 0) moveTo(other, at), other.put(at), (asked = true);
  const slider = Object.hasOwn(free, key) ? free[key] : null;
  if (slider && value >= slider.low && value <= slider.high) (state[key] = value), slider.put(slider.to(value)), (asked = true);
}
if (asked) update();
