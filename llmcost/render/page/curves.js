// Both curves of a crossover, from the days and the spend that a slider gives.
"use strict";
const data = JSON.parse(document.getElementById("live-data").textContent);
const MONTH = 365.25 / 12;

const short = (value) => {
  if (value === 0) return "0";
  const rung = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]].find(([at]) => Math.abs(value) >= at) || [1, ""];
  return Number((value / rung[0]).toPrecision(3)) + rung[1];
};

// What the engine wrote, in the currency of the answer.
const money = (usd) => data.money.sign + short(usd / data.money.usd);

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

function curves({ day, training, inference, bands, days, level }) {
  const chart = document.getElementById("chart");
  if (!chart) return;
  const [W, H, L, R, T, B] = data.box;
  const last = day[day.length - 1];
  const top = 1.08 * Math.max(...training, ...inference) || 1;
  const x = (t) => (L + Math.min(t / last, 1) * (W - L - R)).toFixed(1);
  const y = (v) => (H - B - Math.min(Math.max(v / top, 0), 1) * (H - T - B)).toFixed(1);
  const line = (values) => "M" + day.map((t, i) => x(t) + " " + y(values[i])).join("L");
  const band = ([low, high]) =>
    "M" + [...day.map((t, i) => x(t) + " " + y(high[i])), ...day.map((t, i) => x(t) + " " + y(low[i])).reverse()].join("L") + "Z";
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
  const nodes = [make("title", {}, document.getElementById("live-answer").textContent)];
  for (let v = 0, s = step(top / data.money.usd) * data.money.usd; v <= top; v += s) {
    nodes.push(make("path", { class: "grid", d: `M${L} ${y(v)}H${W - R}` }));
    nodes.push(make("text", { x: L - 6, y: Number(y(v)) + 4, "text-anchor": "end", class: "dim" }, money(v)));
  }
  for (let m = 0, s = step(last / MONTH); m <= last / MONTH; m += s)
    nodes.push(make("text", { x: x(m * MONTH), y: H - 30, "text-anchor": "middle", class: "dim" }, short(m)));
  nodes.push(make("text", { x: W - R, y: H - 8, "text-anchor": "end", class: "dim" }, "months"));
  nodes.push(make("path", { class: "axis", d: `M${L} ${T}V${H - B}H${W - R}` }));
  const edge = (values) => {
    const shown = day.map((t, i) => [t, values[i]]).filter(([, v]) => v <= top);
    return shown.length > 1 ? "M" + shown.map(([t, v]) => x(t) + " " + y(v)).join("L") : "";
  };
  if (bands && bands.i.length) nodes.push(make("path", { class: "band i", d: band(bands.i) }));
  for (const side of ["t", "i"])
    for (const values of bands ? bands[side] : []) nodes.push(make("path", { class: "edge " + side, d: edge(values) }));
  nodes.push(make("path", { class: "line t", d: line(training) }));
  nodes.push(make("path", { class: "line i", d: line(inference) }));
  const ends = [["t", "training", training], ["i", "inference", inference]].map(([style, name, values]) => [style, name, values[values.length - 1]]);
  const highest = Math.max(...ends.map(([, , value]) => value));
  for (const [style, name, value] of ends) {
    const shift = value === highest ? -10 : 22;
    nodes.push(make("text", { x: W - R, y: Number(y(value)) + shift, "text-anchor": "end", class: style }, `${name} ${money(value)}`));
  }
  if (days.centre !== null && level !== null) nodes.push(make("circle", { class: "meet", cx: x(days.centre), cy: y(level), r: 5 }));
  if (days.p5 !== null) {
    const end = days.p95 === null ? W - R : x(days.p95), base = H - B + 4;
    nodes.push(make("path", { class: "w", d: `M${x(days.p5)} ${base - 4}v8M${x(days.p5)} ${base}H${end}M${end} ${base - 4}v8` }));
  }
  chart.replaceChildren(...nodes);
}
