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

const PARTS = { training: 0, each: 0, standing: 0, hour: 0, capacity: 1, more: 0 };

// What a day takes over time, in pieces: whole + smooth x its requests. Replicas are counted one by one up to `exact`, in
// the mean beyond. One set of arrays serves every sample: `lay` fills it, `reaches` and `by` read it.
function timeline(forms, at, exact) {
  const { pace, requests, horizon, planned } = at, pools = at.pools ?? [], { spares, least, tariff } = forms.fleet ?? {};
  const last = requests * Math.exp(pace * horizon), low = Math.min(requests, last), high = Math.max(requests, last);
  const floors = planned === null ? [[1, 0]] : floorsOf(tariff).map(([weight, from]) => [weight / planned, from]);
  const room = pools.length * (exact + floors.length) + 2, floor = least > 1 ? least : 0;
  const start = new Float64Array(room), whole = new Float64Array(room), smooth = new Float64Array(room);
  const paid = Array.from({ length: pools.length * floors.length }, () => ({ capacity: 0, least: 0, usd: 0 }));
  let count = 0;

  const put = (level) => {
    const day = Math.log(level / requests) / pace;
    if (day > 0 && day < horizon) start[count++] = day;
  };
  function sort() {
    if (count > 64) return void start.subarray(0, count).sort();
    for (let i = 1; i < count; i++) {
      const value = start[i];
      let j = i - 1;
      for (; j >= 0 && start[j] > value; j--) start[j + 1] = start[j];
      start[j + 1] = value;
    }
  }

  function lay(part) {
    let held = 0, used = 0, daily = part.standing + part.each * requests;
    for (const pool of pools) {
      const capacity = pool.capacity * part.capacity;
      held += pool.size * (Math.max(Math.ceil(requests / capacity - 1e-9), least) + spares);
      used += (pool.size * requests) / capacity;
    }
    const hour = planned === null ? part.hour : (part.hour * dearer(tariff, held)) / planned;
    daily += 24 * (held * hour + part.more * (held - Math.min(used, held)));
    count = 1;
    start[0] = whole[0] = smooth[0] = 0;
    if (pace === 0) return void (whole[0] = daily);
    if (!pools.length) return void (smooth[0] = part.each);
    let every = 0, size = 0, n = 0;
    for (const pool of pools) every += pool.size / (pool.capacity * part.capacity);
    for (const pool of pools) size += pool.size * (Math.max(high / (pool.capacity * part.capacity) + 1, floor) + spares);
    for (const [k, pool] of pools.entries()) {
      const capacity = pool.capacity * part.capacity;
      for (const [weight, from] of floors) {
        if (from && size < floors[1][1]) continue; // floors that are not reached cancel each other
        const one = paid[n++], own = from ? (from * (pool.size / capacity / every)) / pool.size - spares : 0;
        one.capacity = capacity;
        one.least = Math.max(floor, own);
        one.usd = 24 * pool.size * part.hour * weight;
        if (one.least > exact) put((one.least - 0.5) * capacity);
      }
      if (pools.slice(0, k).some((other) => other.capacity === pool.capacity)) continue;
      for (let i = Math.max(1, Math.ceil(low / capacity)), to = Math.min(exact, high / capacity); i <= to; i++) put(i * capacity);
    }
    sort();
    let left = 0;
    for (let i = 0; i < count; i++) {
      const rate = requests * Math.exp((pace * (start[i] + (i + 1 < count ? start[i + 1] : horizon))) / 2);
      let w = part.standing, s = part.each;
      for (let j = 0; j < n; j++) {
        const one = paid[j], replicas = rate / one.capacity, many = replicas >= exact && replicas + 0.5 >= one.least;
        w += one.usd * ((many ? 0.5 : Math.max(Math.ceil(replicas - 1e-9), one.least)) + spares);
        if (many) s += one.usd / one.capacity;
      }
      if (i === 0) left = daily - w - s * requests; // what the launch takes beside
      whole[i] = pace > 0 ? w + left : w;
      smooth[i] = pace > 0 ? s : s + left / requests;
    }
  }

  // Spent u days into a piece.
  const spent = (i, u) => u * (whole[i] + (smooth[i] && smooth[i] * requests * Math.exp(pace * start[i]) * phi1(pace * u)));
  const length = (i) => (i + 1 < count ? start[i + 1] : horizon) - start[i];

  // The day on which so much is spent; infinite beyond the horizon.
  function reaches(total) {
    for (let i = 0, before = 0; i < count; i++) {
      const all = spent(i, length(i)), rest = total - before;
      before += all;
      if (before < total) continue;
      let lower = 0, upper = length(i), u = all > 0 ? (upper * rest) / all : 0;
      for (let n = 0; n < 100; n++) {
        const off = spent(i, u) - rest;
        if (off > 0) upper = u;
        else lower = u;
        const next = u - off / (whole[i] + smooth[i] * requests * Math.exp(pace * (start[i] + u)));
        const to = next > lower && next < upper ? next : (lower + upper) / 2;
        if (off === 0 || Math.abs(to - u) <= 1e-14 * (start[i] + u)) break;
        u = to;
      }
      return start[i] + u;
    }
    return Infinity;
  }

  // Spent by each of some days, in order.
  function by(days) {
    const found = [];
    for (let i = 0, before = 0; i < count && found.length < days.length; i++) {
      while (found.length < days.length && (i + 1 === count || days[found.length] <= start[i + 1])) found.push(before + spent(i, days[found.length] - start[i]));
      before += spent(i, length(i));
    }
    return found;
  }
  return { lay, reaches, by };
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
const NODES = 20, POINTS = 120;

// Columns of the parts over the samples; null where nothing is uncertain.
function worlds(forms, at, held) {
  const names = Object.keys(PARTS).filter((name) => at.parts[name]);
  const varies = (name) => at.parts[name].rest || Object.keys(at.parts[name].powers).some((tag) => at.numbers[tag].family && !(held && at.numbers[tag].market));
  if (!names.some(varies)) return null;
  return names.map((name) => [name, samplesOfPart(forms, at, name, held), name === "capacity" ? at.parts.capacity.at : 1]);
}
// A figure of every sample, once its pieces are laid.
function each(forms, at, columns, figure) {
  const line = timeline(forms, at, forms.exact[1]), part = { ...PARTS }, found = new Array(forms.samples);
  for (let i = 0; i < forms.samples; i++) {
    for (const [name, values, unit] of columns) part[name] = values[i] / unit;
    line.lay(part);
    found[i] = figure(line, part);
  }
  return found;
}

// The ends of the range of the crossing; null where nothing varies.
function rangeOf(forms, at, columns) {
  if (columns === null) return null;
  const [low, high] = endsOf(each(forms, at, columns, (line, part) => line.reaches(part.training)));
  return Number.isFinite(high) && Math.abs(low - high) <= 1e-9 * Math.abs(high) ? null : [low, high];
}

// The answer where the sliders stand: the crossing, and its range with all prices as they may be and at held ones.
function answered(forms, sliders, place) {
  const at = setting(forms, sliders, place), part = { ...PARTS };
  for (const name of Object.keys(PARTS)) if (at.parts[name]) part[name] = middleOf(at, name) / (name === "capacity" ? at.parts.capacity.at : 1);
  const centre = timeline(forms, at, forms.exact[0]);
  centre.lay(part);
  const columns = worlds(forms, at, false), whole = rangeOf(forms, at, columns);
  const market = Object.values(at.numbers).some((number) => number.family && number.market);
  const held = market ? rangeOf(forms, at, worlds(forms, at, true)) : null;
  return { at, day: centre.reaches(part.training), whole, held, level: part.training, centre, columns };
}

// Both curves with their ranges, on the days of a picture that shows the crossing.
function picture(forms, { at, day, whole, level, centre, columns }) {
  const late = whole && Number.isFinite(whole[1]) ? whole[1] : 0;
  const far = Number.isFinite(day) ? Math.max(1.25 * day, 1.15 * Math.min(late, 4 * day)) : 2 * late || at.horizon;
  const end = Math.min(at.horizon, far) || 1, days = Array.from({ length: POINTS + 1 }, (_, i) => (end * i) / POINTS);
  const inference = centre.by(days), training = days.map(() => level);
  return { day: days, training, inference, bands: columns && bandsOf(forms, at, columns, centre, days, training, inference) };
}

// 90 % ranges of both curves, as factors of their centre: between `NODES` days they are straight lines.
function bandsOf(forms, at, columns, centre, days, training, inference) {
  const end = days[days.length - 1], nodes = Array.from({ length: NODES + 1 }, (_, i) => end * (i / NODES) ** 2);
  const middle = centre.by(nodes), rows = each(forms, at, columns, (line) => line.by(nodes));
  const around = ([low, high], of) => (of > 0 ? [Math.min(low / of, 1), Math.max(high / of, 1)] : [1, 1]);
  const factors = nodes.map((_, n) => around(endsOf(rows.map((row) => row[n])), middle[n]));
  factors[0] = factors[1];
  const factor = (day, side) => {
    const n = Math.min(Math.floor(NODES * Math.sqrt(day / end)), NODES - 1), part = (day - nodes[n]) / (nodes[n + 1] - nodes[n]);
    return factors[n][side] + part * (factors[n + 1][side] - factors[n][side]);
  };
  const own = around(endsOf(columns.find(([name]) => name === "training")[1]), training[0]), same = (pair) => pair[0] === pair[1];
  const sides = [0, 1];
  return {
    t: same(own) ? [] : sides.map((side) => training.map((v) => v * own[side])),
    i: factors.every(same) ? [] : sides.map((side) => inference.map((v, n) => v * factor(days[n], side))),
  };
}
