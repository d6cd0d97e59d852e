// Sliders over the closed forms of a crossover: all of them move together.
const place = {}; // values of sliders that were moved, by key
const STOPS = data.stops;
const formsNow = () => patched(data.forms, STOPS, place);
const WORK = ["gpu_hours", "tokens", "mfu"]; // what the cost of training follows from, where it is not said
let later = 0;

// What says the same thing as a slider that is moved now goes back to where it was.
function moveTo(slider, value) {
  place[slider.key] = value;
  const others = data.sliders.filter((other) => other.key !== slider.key && other.key in place);
  const against = (other) => (other.training && (slider.training || WORK.includes(slider.key))) || (slider.training && WORK.includes(other.key));
  for (const other of others.filter(against)) {
    delete place[other.key];
    other.put(other.to(other.value));
  }
}

// One slider stops at a time: the forms between two stops of two are not known.
function stopAt(slider, at) {
  for (const other of STOPS) {
    delete place[other.key];
    other.at = other === slider ? at : other.asked;
    if (other !== slider) other.put(other.asked);
  }
  if (at !== slider.asked) place[slider.key] = slider.rows[at].value;
}

const spell = (d) => d.toLocaleString("en-US", { maximumFractionDigits: d < 10 ? 2 : 0 });
const endOf = (d, horizon) => (Number.isFinite(d) ? `day ${spell(d)}` : `beyond day ${spell(horizon)}`);

function said({ at, day, whole, held, level }) {
  const window = shown({ kind: "days" }, at.horizon), given = data.forms.fleet && data.forms.fleet.most;
  const short = given && at.gpus > given ? `The traffic needs ${at.gpus.toLocaleString("en-US")} accelerators, ${given.toLocaleString("en-US")} are given; with enough of them: ` : "";
  if (!Number.isFinite(day)) return `${short}Inference does not overtake training within ${window} of launch.`;
  const range = held ?? whole;
  const spread = range ? `, range ${endOf(range[0], at.horizon)} to ${endOf(range[1], at.horizon)}${held ? " at held prices" : ""}` : "";
  return `${short}Inference overtakes training on day ${spell(day)} after launch${spread}, at ${money(level)}.`;
}

function tell(found) {
  const { day, whole } = found, ends = whole ?? [null, null], known = Number.isFinite(day);
  const days = { centre: day, p5: ends[0], p95: known ? ends[1] : null };
  status.textContent = said(found);
  for (const [q, value] of Object.entries(days)) status.dataset[q] = Number.isFinite(value) && value !== null ? String(value) : "";
}

function draw(found) {
  const finite = (d) => (d !== null && Number.isFinite(d) ? d : null), [p5, p95] = found.whole ?? [null, null];
  const day = finite(found.day);
  curves({ ...picture(formsNow(), found), level: found.level, days: { centre: day, p5: finite(p5), p95: finite(p95) } });
}

function update() {
  const moved = [...data.sliders, ...STOPS].filter((s) => s.key in place);
  document.getElementById("live-command").textContent = command(moved.map((s) => option(s, place[s.key])));
  address(moved.map((s) => `${s.key}=${place[s.key]}`));
  cancelAnimationFrame(later);
  later = requestAnimationFrame(() => {
    const found = answered(formsNow(), data.sliders, place);
    tell(found);
    draw(found);
  });
}

for (const slider of data.sliders) freely(slider, () => place[slider.key] ?? slider.value, (value) => moveTo(slider, value));
for (const slider of STOPS) {
  slider.at = slider.asked;
  control(slider, { min: 0, max: slider.rows.length - 1, step: 1, value: slider.asked }, () => shown(slider, slider.rows[slider.at].value), (at) => stopAt(slider, at));
}
document.getElementById("live").hidden = false;
status.textContent = "Move a slider: the curves, the crossing and its range follow.";
for (const [key, value] of addressed()) {
  const slider = data.sliders.find((one) => one.key === key), stop = STOPS.find((one) => one.key === key);
  const at = stop ? stop.rows.findIndex((row) => row.value === value) : -1;
  if (at >= 0) stopAt(stop, at), stop.put(at);
  if (slider && value >= slider.low && value <= slider.high) moveTo(slider, value), slider.put(slider.to(value));
}
if (Object.keys(place).length) {
  update();
  cancelAnimationFrame(later);
  const found = answered(formsNow(), data.sliders, place);
  tell(found);
  draw(found);
}
