// Sliders of a page: what they show, and how a value is typed on the command line.
const inputs = document.getElementById("sliders");
const status = document.getElementById("live-answer");

const PER = { growth: "/mo", growth_per_year: "/y", decline: "/y" }; // rates
const typed = (slider, value) => {
  const scaled = (by) => Number((by * value).toPrecision(10));
  if (slider.kind in PER) return scaled(100) + "%" + PER[slider.kind];
  if (slider.kind === "share") return scaled(100) + "%";
  const unit = { days: "d", per_day: "/day", usd_per_hour: "/h" }[slider.kind] ?? "";
  const ends = (slider.range || []).map((end) => Number(((end * value) / slider.value).toPrecision(10)));
  return (ends.length ? ends : [scaled(1)]).map((end) => end + unit).join("..");
};
const option = (slider, value) => [slider.option, value < 0 ? "=" : " ", typed(slider, value)];
// The whole command with what was moved in the place of what was said.
function command(options) {
  let said = document.getElementById("asked")?.textContent ?? "";
  for (const [name] of options) said = said.replace(new RegExp(` ${name}(=|\\s+)('[^']*'|"[^"]*"|\\S+)`), "");
  return [said, ...options.map((words) => words.join(""))].filter(Boolean).join(" ");
}
const shown = (slider, value) => {
  const percent = () => Number((100 * value).toPrecision(3)) + "%";
  if (slider.kind === "days") return Number((value / 365.25).toPrecision(3)) + " y";
  if (slider.kind in PER) return percent() + PER[slider.kind];
  if (slider.kind === "share") return percent();
  if (slider.kind === "ratio") return short(value) + "x";
  if (slider.kind.startsWith("usd")) return money(value) + (slider.kind === "usd_per_hour" ? "/h" : "");
  return short(value) + (slider.kind === "per_day" ? "/day" : "");
};

function control(slider, attributes, text, change) {
  const label = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
  Object.assign(input, { type: "range", ...attributes });
  input.dataset.key = slider.key;
  slider.tell = () => {
    output.textContent = text();
    input.setAttribute("aria-valuetext", output.textContent);
  };
  slider.put = (value) => {
    input.value = value;
    slider.tell();
  };
  input.addEventListener("input", () => {
    change(Number(input.value));
    slider.tell();
    update();
  });
  label.append(slider.label, input, output);
  inputs.append(label);
  slider.tell();
}

// A slider that moves as it likes: by equal ratios where its values are above zero.
function freely(slider, at, change) {
  const { low, high } = slider, log = low > 0 && !(slider.kind in PER);
  slider.to = (v) => (log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low));
  const from = (p) => (log ? low * (high / low) ** p : low + p * (high - low));
  control(slider, { min: 0, max: 1, step: "any", value: slider.to(slider.value) }, () => shown(slider, at()), (p) => change(Number(from(p).toPrecision(4))));
}

// What the address says: pairs of a key and a number.
const addressed = () => location.hash.slice(1).split("&").map((part) => part.split("=")).filter(([, text]) => text).map(([key, text]) => [key, Number(text)]);
const address = (places) => history.replaceState(null, "", places.length ? "#" + places.join("&") : location.pathname + location.search);
