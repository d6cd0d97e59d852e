// Traffic, prices and payments over time, as the engine has them.
const phi1 = (x) => (Math.abs(x) < 1e-8 ? 1 + x / 2 : Math.expm1(x) / x); // the mean of e^(xy) for y from 0 to 1
const psi = (x) => (Math.abs(x) < 1e-3 ? 0.5 + x / 3 + (x * x) / 8 : (Math.exp(x) * (x - 1) + 1) / (x * x)); // of y e^(xy)

// What is said of time, in the samples' own numbers, and what stands for what is not said.
const TIME = { requests: 0, growth: 0, added_requests: 0, ceiling: Infinity, adoption_midpoint: 0, price_decline: 0, efficiency_gain: 0, discount: 0, retrain_cost: 0, refresh_cost: 0 };
const YEAR = 365.25, A_MONTH = YEAR / 12, NEVER = 1e9; // days
const efficiencyOf = (time) => Math.log1p(time.efficiency_gain) / YEAR;
const declineOf = (time) => (Math.log1p(time.discount) - Math.log1p(-time.price_decline)) / YEAR;

// Weights w with the sum of w x^j = 1 / (1 + x), x from 0 to 1 (Cohen, Rodriguez Villegas, Zagier 2000).
function alternating(terms) {
  const root = (3 + Math.sqrt(8)) ** terms, d = (root + 1 / root) / 2, found = [];
  for (let j = 0, b = -1, c = -d; j < terms; j++) {
    c = b - c;
    found.push(c / d);
    b *= ((j + terms) * (j - terms)) / ((j + 0.5) * (j + 1));
  }
  return found;
}
const WEIGHTS = { 8: alternating(8), 16: alternating(16) };

// Requests per day, in pieces that are sums of exponentials and a slope; `reaches` is the day on which they pass a level.
function trafficOf(kind, time, terms) {
  const { requests: launch, ceiling: top } = time;
  if (kind === "logistic") {
    const m = time.adoption_midpoint, k = Math.log(Math.max(top / launch - 1, 1 + 1e-6)) / m, w = WEIGHTS[terms];
    return {
      pace: k,
      rate: (t) => top / (1 + Math.exp(-k * (t - m))),
      reaches: (level) => m - Math.log(top / level - 1) / k,
      pieces: [
        { start: 0, amounts: w.map((x, j) => top * x * Math.exp(-(j + 1) * k * m)), exponents: w.map((_, j) => (j + 1) * k), slope: 0 },
        { start: m, amounts: w.map((x) => top * x), exponents: w.map((_, j) => -j * k), slope: 0 },
      ],
    };
  }
  const linear = kind === "linear";
  const pace = linear ? time.added_requests / A_MONTH : Math.log1p(Math.max(time.growth, -1 + 1e-9)) / A_MONTH;
  const reaches = (level) => (linear ? (level - launch) / pace : Math.log(level / launch) / pace);
  const turn = launch > top && pace > 0 ? 0 : reaches(top);
  return {
    pace,
    rate: (t) => Math.min(linear ? launch + pace * t : launch * Math.exp(pace * t), top),
    reaches,
    pieces: [
      { start: 0, amounts: [launch], exponents: [linear ? 0 : pace], slope: linear ? pace : 0 },
      ...(turn >= 0 && turn < NEVER ? [{ start: turn, amounts: [top], exponents: [0], slope: 0 }] : []),
    ],
  };
}

// Days from which on training has cost more, and what it has cost by then over the first run.
function paidOn({ payments, again }, horizon) {
  const later = again.flatMap(([every]) => Array.from({ length: Math.floor(horizon / every) }, (_, n) => every * (n + 1)));
  return [...new Set([0, ...payments.map(([day]) => Math.max(day, 0)), ...later])].sort((a, b) => a - b);
}
function levelOf({ payments, again }, time, day, horizon) {
  const discount = Math.log1p(time.discount) / YEAR, decline = declineOf(time);
  let all = 0;
  for (const [paid, share] of payments) if (Math.max(paid, 0) <= day) all += share * Math.exp(-discount * paid);
  for (const [every, cost] of again) for (let n = 1; n * every <= Math.min(day, horizon); n++) all += time[cost] * Math.exp(-decline * n * every);
  return all;
}
