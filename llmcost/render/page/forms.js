// A crossover from its closed forms: the samples of the engine are drawn again here, so the crossing and its range are
// those of the command line. No document is touched: `curves.js` draws, `sliders.js` listens.
const Z95 = 1.6448536269514722;
const SECOND_WORD = 0x9e3779b97f4a7c15n, WORD = (1n << 64n) - 1n;

// Words of a mixed counter (splitmix64: Steele, Lea, Flood 2014).
function words(start, count) {
  const found = new BigUint64Array(count);
  let at = BigInt(start);
  for (let i = 0; i < count; i++) {
    at = (at + SECOND_WORD) & WORD;
    let x = ((at ^ (at >> 30n)) * 0xbf58476d1ce4e5b9n) & WORD;
    x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & WORD;
    found[i] = x ^ (x >> 31n);
  }
  return found;
}

// The inverse of the normal distribution (AS241: Wichura 1988); the engine wrote its coefficients.
const ratio = (ratios, part, x) => {
  const [above, below] = ratios[part].map((row) => row.reduce((sum, c) => sum * x + c, 0));
  return above / below;
};
function normalQuantile(ratios, share) {
  const beside = share - 0.5;
  if (Math.abs(beside) <= 0.425) return beside * ratio(ratios, 0, 0.180625 - beside * beside);
  const tail = Math.sqrt(-Math.log(Math.min(share, 1 - share)));
  return Math.sign(beside) * (tail <= 5 ? ratio(ratios, 1, tail - 1.6) : ratio(ratios, 2, tail - 5));
}

// One draw from each of equally likely strata, antithetic about the median, as the engine takes them.
function drawn(forms, number, start) {
  const [low, mid, high] = number.quantiles, count = forms.samples, half = Math.floor((count + 1) / 2);
  const bits = words(start, half), order = Array.from(bits.keys()).sort((a, b) => (bits[a] < bits[b] ? -1 : 1));
  const sign = (i) => ((bits[i] & 1n) === 1n ? 1 : -1), found = new Float64Array(2 * half);
  const put = (value) => {
    for (let i = 0; i < half; i++) [found[i], found[half + i]] = value(i);
    return found.subarray(0, count);
  };
  if (number.family === "triangular") {
    const split = (mid - low) / (high - low), left = (u) => low + Math.sqrt(u * (high - low) * (mid - low));
    const at = (u) => (u < split ? left(u) : high - Math.sqrt((1 - u) * (high - low) * (high - mid)));
    return put((i) => {
      const u = (order[i] + 0.5) / (2 * half), own = sign(i) > 0 ? u : 1 - u;
      return [at(own), at(1 - own)];
    });
  }
  const [to, from] = {
    lognormal: [Math.log, Math.exp],
    logitnormal: [(x) => Math.log(x) - Math.log1p(-x), (x) => 1 / (1 + Math.exp(-x))],
    normal: [(x) => x, (x) => x],
  }[number.family];
  const [down, middle, up] = [to(low), to(mid), to(high)];
  const at = (z) => from(middle + ((z < 0 ? middle - down : up - middle) / Z95) * z);
  return put((i) => {
    const z = sign(i) * normalQuantile(forms.normal, 0.5 + (order[i] + 0.5) / (2 * half));
    return [at(z), at(-z)];
  });
}
const keptDraws = new Map();
function samplesOf(forms, number, shared) {
  const start = number.streams[shared ? 1 : 0], name = JSON.stringify([start, number.quantiles, number.family]);
  if (!keptDraws.has(name)) keptDraws.set(name, drawn(forms, number, start));
  return keptDraws.get(name);
}
const keptRests = new Map();
function restOf(form) {
  if (!form.rest) return null;
  if (!keptRests.has(form)) keptRests.set(form, new Float32Array(Uint8Array.from(atob(form.rest), (c) => c.charCodeAt(0)).buffer));
  return keptRests.get(form);
}

const dearer = (tariff, size) => Math.min(tariff.by_the_hour, tariff.of_a_cluster * Math.max(1, tariff.least / Math.max(size, 1e-300)));
// The cost of n accelerators as a sum of rates times n with a floor.
const floorsOf = (t) =>
  t.of_a_cluster >= t.by_the_hour
    ? [[t.by_the_hour, 0]]
    : [[t.by_the_hour, 0], [-t.by_the_hour, (t.least * t.of_a_cluster) / t.by_the_hour], [t.of_a_cluster, t.least]];
const phi1 = (x) => (Math.abs(x) < 1e-8 ? 1 + x / 2 : Math.expm1(x) / x);

// What does not depend on the sample: the numbers where the sliders stand, the size of replica, the rate of the fleet.
// `place` are values of sliders that were moved, by key.
function setting(forms, sliders, place) {
  const growth = place.growth ?? forms.growth, horizon = place.horizon ?? forms.horizon, numbers = {};
  for (const [tag, number] of Object.entries(forms.numbers)) {
    const slider = sliders.find((s) => s.tags.includes(tag) && s.key in place), base = number.quantiles[1];
    const over = slider ? place[slider.key] / base : 1;
    numbers[tag] = { ...number, base, over, family: slider && !slider.scales ? "" : number.family };
  }
  const own = sliders.find((s) => s.training && s.key in place); // says what training costs
  const parts = own ? { ...forms.parts, training: own.training } : forms.parts;
  const at = { growth, horizon, numbers, parts, pace: Math.log1p(growth) / (365.25 / 12), pools: null, gpus: 0, planned: null };
  at.requests = numbers["serve.requests"].base * numbers["serve.requests"].over;
  if (!forms.fleet) return at;
  const load = middleOf(at, "capacity") / parts.capacity.at, { least, spares, tariff, choices } = forms.fleet;
  const held = (pools, rate) =>
    pools.reduce((all, pool) => all + pool.size * (Math.max(Math.ceil(rate / (pool.capacity * load) - 1e-9), least) + spares), 0);
  const shape = Array.from({ length: growth === 0 ? 1 : forms.shape_days }, (_, i, n = forms.shape_days) => Math.exp(((at.pace * (i + 0.5)) / n) * horizon * (growth === 0 ? 0 : 1)));
  const costs = choices.map((pools) => shape.reduce((all, more) => all + held(pools, at.requests * more), 0));
  const cheapest = Math.min(...costs) * (1 + 1e-9), seconds = (pools) => pools.reduce((all, pool) => all + pool.seconds, 0);
  at.pools = choices.filter((_, i) => costs[i] <= cheapest).reduce((a, b) => (seconds(b) < seconds(a) ? b : a));
  at.gpus = held(at.pools, at.requests);
  if (tariff && numbers["serve.price"].family) {
    at.planned = dearer(tariff, at.gpus);
    const hourly = at.planned === tariff.by_the_hour, times = hourly ? 1 : at.planned / tariff.of_a_cluster;
    const rate = hourly ? tariff.hour : tariff.cluster, base = numbers["serve.price"].base;
    numbers["serve.price"] = { ...rate, base, over: 1, quantiles: rate.quantiles.map((q) => q * times) };
  }
  return at;
}

// A part where every number is at its median.
const middleOf = (at, name) =>
  Object.entries(at.parts[name].powers).reduce((all, [tag, power], _, __, n = at.numbers[tag]) => all * ((n.quantiles[1] * n.over) / n.base) ** power, at.parts[name].at);

// Samples of a part.
function samplesOfPart(forms, at, name, held) {
  const form = at.parts[name], count = forms.samples, found = new Float64Array(count).fill(form.at);
  for (const [tag, power] of Object.entries(form.powers)) {
    const number = at.numbers[tag], drawnOne = number.family && !(held && number.market);
    const values = drawnOne ? samplesOf(forms, number, shared(at, tag)) : null;
    for (let i = 0; i < count; i++) found[i] *= (((values ? values[i] : number.quantiles[1]) * number.over) / number.base) ** power;
  }
  const rest = restOf(form);
  if (rest) for (let i = 0; i < count; i++) found[i] *= rest[i];
  return found;
}
// Whether both sides have the same number: then it is one, with the same draws.
function shared(at, tag) {
  const [side, name] = tag.split("."), other = `${side === "serve" ? "train" : "serve"}.${name}`, [a, b] = [at.numbers[tag], at.numbers[other]];
  const used = Object.values(at.parts).some((part) => other in part.powers);
  return Boolean(used && b && a.family === b.family && a.over === b.over && String(a.quantiles) === String(b.quantiles));
}

// One world: what its parts are, over time.
function world(forms, at, part, exact) {
  if (!forms.fleet) return { at, exact, training: part.training, each: part.each, standing: 0, daily: part.each * at.requests };
  const { tariff, spares, least } = forms.fleet, rate = at.requests;
  const pools = at.pools.map((pool) => ({ ...pool, capacity: pool.capacity * part.capacity }));
  let held = 0, used = 0;
  for (const pool of pools) {
    held += pool.size * (Math.max(Math.ceil(rate / pool.capacity - 1e-9), least) + spares);
    used += (pool.size * rate) / pool.capacity;
  }
  const hour = at.planned === null ? part.hour : (part.hour * dearer(tariff, held)) / at.planned;
  const daily = 24 * (held * hour + part.more * (held - Math.min(used, held))) + part.standing + part.each * rate;
  return { at, training: part.training, each: part.each, standing: part.standing, daily, pools, hour: part.hour, exact };
}

// Whole replicas over time, as [start, whole, smooth] with a day taking whole + smooth x its requests: counted one by
// one up to `exact`, in the mean beyond.
function pieces(forms, one) {
  const { pace, requests, horizon, planned } = one.at;
  if (pace === 0) return [[0, one.daily, 0]];
  if (!one.pools) return [[0, 0, one.each]];
  const { tariff, spares, least } = forms.fleet, floor = least > 1 ? least : 0, last = requests * Math.exp(pace * horizon);
  const low = Math.min(requests, last), high = Math.max(requests, last);
  const every = one.pools.reduce((all, pool) => all + pool.size / pool.capacity, 0);
  const size = one.pools.reduce((all, pool) => all + pool.size * (Math.max(high / pool.capacity + 1, floor) + spares), 0);
  const floors = planned === null ? [[1, 0]] : floorsOf(tariff).map(([weight, from]) => [weight / planned, from]);
  const reached = floors.filter(([, from]) => from === 0 || size >= floors[1][1]);
  const paid = one.pools.flatMap((pool) =>
    reached.map(([weight, from]) => {
      const own = from ? (from * (pool.size / pool.capacity / every)) / pool.size - spares : 0;
      return { capacity: pool.capacity, least: Math.max(floor, own), usd: 24 * pool.size * one.hour * weight };
    }),
  );
  const starts = [0], put = (level) => {
    const day = Math.log(level / requests) / pace;
    if (day > 0 && day < horizon) starts.push(day);
  };
  for (const capacity of new Set(one.pools.map((pool) => pool.capacity)))
    for (let n = Math.max(1, Math.ceil(low / capacity)), to = Math.min(one.exact, high / capacity); n <= to; n++) put(n * capacity);
  for (const pool of paid) if (pool.least > one.exact) put((pool.least - 0.5) * pool.capacity);
  starts.sort((a, b) => a - b);
  const found = starts.map((start, i) => {
    const rate = requests * Math.exp((pace * (start + (starts[i + 1] ?? horizon))) / 2);
    let whole = one.standing, smooth = one.each;
    for (const pool of paid) {
      const replicas = rate / pool.capacity, many = replicas >= one.exact && replicas + 0.5 >= pool.least;
      whole += pool.usd * ((many ? 0.5 : Math.max(Math.ceil(replicas - 1e-9), pool.least)) + spares);
      if (many) smooth += pool.usd / pool.capacity;
    }
    return [start, whole, smooth];
  });
  const left = one.daily - found[0][1] - found[0][2] * requests; // what the launch takes beside
  return found.map(([start, whole, smooth]) => (pace > 0 ? [start, whole + left, smooth] : [start, whole, smooth + left / requests]));
}

// Spent u days into a piece.
const spentIn = (one, [start, whole, smooth], u) =>
  u * (whole + smooth * one.at.requests * Math.exp(one.at.pace * start) * phi1(one.at.pace * u));

// The day on which inference has taken what training did; infinite beyond the horizon. `nodes` are days, in order, whose
// spend is wanted too.
function overtaken(forms, one, nodes = []) {
  const steps = (one.steps ??= pieces(forms, one)), { horizon, pace, requests } = one.at, spends = [];
  let before = 0, day = Infinity;
  for (let i = 0; i < steps.length && (day === Infinity || spends.length < nodes.length); i++) {
    const room = (i + 1 < steps.length ? steps[i + 1][0] : horizon) - steps[i][0];
    while (spends.length < nodes.length && (nodes[spends.length] <= steps[i][0] + room || i + 1 === steps.length))
      spends.push(before + spentIn(one, steps[i], nodes[spends.length] - steps[i][0]));
    const whole = spentIn(one, steps[i], room), rest = one.training - before;
    if (day === Infinity && before + whole >= one.training) {
      let [low, high] = [0, room], u = whole > 0 ? (room * rest) / whole : 0;
      for (let n = 0; n < 100 && high - low > 1e-13 * (steps[i][0] + high); n++) {
        const off = spentIn(one, steps[i], u) - rest;
        if (off > 0) high = u;
        else low = u;
        const next = u - off / (steps[i][1] + steps[i][2] * requests * Math.exp(pace * (steps[i][0] + u)));
        const to = next > low && next < high ? next : (low + high) / 2;
        if (Math.abs(to - u) <= 1e-14 * (steps[i][0] + u) || off === 0) break;
        u = to;
      }
      day = steps[i][0] + u;
    }
    before += whole;
  }
  return { day, spends };
}

function quantile(sorted, share) {
  const at = share * (sorted.length - 1), low = sorted[Math.floor(at)], high = sorted[Math.ceil(at)];
  if (!Number.isFinite(low) || !Number.isFinite(high)) return at > Math.floor(at) ? high : low;
  return low + (high - low) * (at - Math.floor(at));
}
const endsOf = (values) => {
  const sorted = Float64Array.from(values).sort();
  return [0.05, 0.95].map((share) => quantile(sorted, share));
};
const PARTS = { training: 0, each: 0, standing: 0, hour: 0, capacity: 1, more: 0 };
const NODES = 20, POINTS = 120;

// Worlds over the samples; one alone where nothing is uncertain.
function worlds(forms, at, held) {
  const names = Object.keys(PARTS).filter((name) => at.parts[name]);
  const varies = (name) => at.parts[name].rest || Object.keys(at.parts[name].powers).some((tag) => at.numbers[tag].family && !(held && at.numbers[tag].market));
  if (!names.some(varies)) return null;
  const columns = names.map((name) => [name, samplesOfPart(forms, at, name, held)]);
  return Array.from({ length: forms.samples }, (_, i) => {
    const part = { ...PARTS };
    for (const [name, values] of columns) part[name] = name === "capacity" ? values[i] / at.parts.capacity.at : values[i];
    return world(forms, at, part, forms.exact[1]);
  });
}

// The ends of a range; null where nothing varies.
function rangeOf(forms, some) {
  if (some === null) return null;
  const [low, high] = endsOf(some.map((one) => overtaken(forms, one).day));
  return Number.isFinite(high) && Math.abs(low - high) <= 1e-9 * Math.abs(high) ? null : [low, high];
}

// The answer where the sliders stand: the crossing, and its range with all prices as they may be and at held ones.
function answered(forms, sliders, place) {
  const at = setting(forms, sliders, place), part = { ...PARTS };
  for (const name of Object.keys(PARTS)) if (at.parts[name]) part[name] = middleOf(at, name) / (name === "capacity" ? at.parts.capacity.at : 1);
  const centre = world(forms, at, part, forms.exact[0]), { day } = overtaken(forms, centre);
  const some = worlds(forms, at, false), whole = rangeOf(forms, some);
  const market = Object.values(at.numbers).some((number) => number.family && number.market);
  const held = market ? rangeOf(forms, worlds(forms, at, true)) : null;
  return { at, day, whole, held, level: centre.training, centre, some };
}

// Both curves with their ranges, on the days of a picture that shows the crossing.
function picture(forms, { at, day, whole, centre, some }) {
  const late = whole && Number.isFinite(whole[1]) ? whole[1] : 0;
  const far = Number.isFinite(day) ? Math.max(1.25 * day, 1.15 * Math.min(late, 4 * day)) : 2 * late || at.horizon;
  const end = Math.min(at.horizon, far) || 1, days = Array.from({ length: POINTS + 1 }, (_, i) => (end * i) / POINTS);
  const inference = overtaken(forms, centre, days).spends, training = days.map(() => centre.training);
  return { day: days, training, inference, bands: some && bandsOf(forms, some, centre, days, training, inference) };
}

// 90 % ranges of both curves, as factors of their centre: between `NODES` days they are straight lines.
function bandsOf(forms, some, centre, days, training, inference) {
  const end = days[days.length - 1], nodes = Array.from({ length: NODES + 1 }, (_, i) => end * (i / NODES) ** 2);
  const middle = overtaken(forms, centre, nodes).spends, columns = nodes.map(() => new Float64Array(some.length));
  some.forEach((one, i) => overtaken(forms, one, nodes).spends.forEach((value, n) => (columns[n][i] = value)));
  const around = ([low, high], at) => (at > 0 ? [Math.min(low / at, 1), Math.max(high / at, 1)] : [1, 1]);
  const factors = columns.map((column, n) => around(endsOf(column), middle[n]));
  factors[0] = factors[1];
  const factor = (day, side) => {
    const n = Math.min(Math.floor(NODES * Math.sqrt(day / end)), NODES - 1), part = (day - nodes[n]) / (nodes[n + 1] - nodes[n]);
    return factors[n][side] + part * (factors[n + 1][side] - factors[n][side]);
  };
  const own = around(endsOf(some.map((one) => one.training)), centre.training), same = (pair) => pair[0] === pair[1];
  const [t, i] = [0, 1].map((side) => [training.map((v) => v * own[side]), inference.map((v, n) => v * factor(days[n], side))]).reduce((all, [a, b]) => (all[0].push(a), all[1].push(b), all), [[], []]);
  return { t: same(own) ? [] : t, i: factors.every(same) ? [] : i };
}
