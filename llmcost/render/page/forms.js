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
function restOf({ rest }) {
  if (!rest) return null;
  if (!keptRests.has(rest)) keptRests.set(rest, new Float32Array(Uint8Array.from(atob(rest), (c) => c.charCodeAt(0)).buffer));
  return keptRests.get(rest);
}

const dearer = (tariff, size) => Math.min(tariff.by_the_hour, tariff.of_a_cluster * Math.max(1, tariff.least / Math.max(size, 1e-300)));
// The cost of n accelerators as a sum of rates times n with a floor.
const floorsOf = (t) =>
  t.of_a_cluster >= t.by_the_hour
    ? [[t.by_the_hour, 0]]
    : [[t.by_the_hour, 0], [-t.by_the_hour, (t.least * t.of_a_cluster) / t.by_the_hour], [t.of_a_cluster, t.least]];
// The forms where a slider stops: other sizes of replica, which carry other traffic.
function patched(forms, stops, place) {
  const row = stops.flatMap(({ key, rows }) => rows.filter(({ value, parts }) => parts && value === place[key]))[0];
  if (!row) return forms;
  const parts = Object.fromEntries(Object.entries(row.parts).map(([name, at]) => [name, { ...forms.parts[name], at }]));
  const choices = row.choices.map((pools) => pools.map(([size, capacity, seconds]) => ({ size, capacity, seconds })));
  return { ...forms, parts: { ...forms.parts, ...parts }, fleet: forms.fleet && { ...forms.fleet, choices } };
}
// What does not depend on the sample: the numbers where the sliders stand, the size of replica, the rate of the fleet.
// `place` are values of sliders that were moved, by key.
function setting(forms, sliders, place) {
  const horizon = place.horizon ?? forms.horizon, numbers = {};
  for (const [tag, number] of Object.entries(forms.numbers)) {
    const slider = sliders.find((s) => s.tags.includes(tag) && s.key in place), base = number.quantiles[1];
    numbers[tag] = { ...number, base, over: 1 };
    if (slider && slider.scales) numbers[tag].over = place[slider.key] / base;
    else if (slider) Object.assign(numbers[tag], { quantiles: Array(3).fill(place[slider.key]), family: "" });
  }
  const own = sliders.find((s) => s.training && s.key in place); // says what training costs
  const parts = own ? { ...forms.parts, training: own.training } : forms.parts, time = { ...TIME };
  for (const name of Object.keys(TIME)) {
    const number = numbers[`serve.${name}`];
    if (number) time[name] = number.quantiles[1] * number.over;
  }
  const kind = forms.kind === "constant" && time.growth ? "compound" : forms.kind;
  const at = { kind, time, horizon, numbers, parts, pools: null, gpus: 0, planned: null, paid: paidOn(forms.schedule, horizon) };
  if (!forms.fleet) return at;
  const load = middleOf(at, "capacity") / parts.capacity.at, { least, spares, tariff, choices } = forms.fleet;
  const held = (pools, rate) =>
    pools.reduce((all, pool) => all + pool.size * (Math.max(Math.ceil(rate / (pool.capacity * load) - 1e-9), least) + spares), 0);
  const road = trafficOf(kind, time, 16), moves = road.pace !== 0, days = moves ? forms.shape_days : 1, more = efficiencyOf(time);
  const shape = Array.from({ length: days }, (_, i, day = ((i + 0.5) / days) * horizon) => (moves ? road.rate(day) * Math.exp(-more * day) : time.requests));
  const costs = choices.map((pools) => shape.reduce((all, rate) => all + held(pools, rate), 0));
  const cheapest = Math.min(...costs) * (1 + 1e-9), seconds = (pools) => pools.reduce((all, pool) => all + pool.seconds, 0);
  at.pools = choices.filter((_, i) => costs[i] <= cheapest).reduce((a, b) => (seconds(b) < seconds(a) ? b : a));
  at.gpus = held(at.pools, time.requests);
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

// What a day takes over time, in pieces: whole + smooth x its requests, each dollar counting less by the day. Replicas are
// counted one by one up to `exact`, in the mean beyond. One set of arrays serves every sample: `lay` fills it, `reaches`
// and `by` read it.
function timeline(forms, at, exact, terms) {
  const { horizon, planned } = at, pools = at.pools ?? [], { spares, least, tariff } = forms.fleet ?? {};
  const floors = planned === null ? [[1, 0]] : floorsOf(tariff).map(([weight, from]) => [weight / planned, from]);
  const room = pools.length * (exact + floors.length) + 4, floor = least > 1 ? least : 0;
  const start = new Float64Array(room), whole = new Float64Array(room), smooth = new Float64Array(room), under = new Array(room);
  const paid = Array.from({ length: pools.length * floors.length }, () => ({ capacity: 0, least: 0, usd: 0 }));
  let count = 0, road = null, decline = 0;

  const put = (day) => {
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
    road = trafficOf(at.kind, part, terms);
    decline = efficiencyOf(part) + declineOf(part);
    const { requests } = part, { pace, pieces } = road, ends = [road.rate(0), road.rate(horizon)], low = Math.min(...ends), high = Math.max(...ends);
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
    under[0] = pieces[0];
    if (pace === 0) return void (whole[0] = daily);
    for (const piece of pieces) put(piece.start);
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
        if (one.least > exact) put(road.reaches((one.least - 0.5) * capacity));
      }
      if (pools.slice(0, k).some((other) => other.capacity === pool.capacity)) continue;
      for (let i = Math.max(1, Math.ceil(low / capacity)), to = Math.min(exact, high / capacity); i <= to; i++) put(road.reaches(i * capacity));
    }
    sort();
    let left = 0;
    for (let i = 0; i < count; i++) {
      const middle = (start[i] + (i + 1 < count ? start[i + 1] : horizon)) / 2, rate = road.rate(middle);
      const piece = pieces.length > 1 && pieces[1].start <= middle ? pieces[1] : pieces[0];
      const moving = piece.slope !== 0 || piece.exponents.some((x) => x !== 0);
      under[i] = piece;
      whole[i] = pools.length ? part.standing : 0;
      smooth[i] = part.each;
      for (let j = 0; j < n; j++) {
        const one = paid[j], replicas = rate / one.capacity, many = moving && replicas >= exact && replicas + 0.5 >= one.least;
        whole[i] += one.usd * ((many ? 0.5 : Math.max(Math.ceil(replicas - 1e-9), one.least)) + spares);
        if (many) smooth[i] += one.usd / one.capacity;
      }
      if (!pools.length) continue;
      if (i === 0) left = daily - whole[0] - smooth[0] * requests; // what the launch takes beside
      if (pace > 0) whole[i] += left;
      else smooth[i] += left / requests;
    }
  }

  // Requests of u days into a step, those of a later day counting for less.
  function asked(i, u) {
    const { amounts, exponents, slope, start: from } = under[i], into = start[i] - from;
    let all = slope && slope * (into * phi1(-decline * u) + u * psi(-decline * u));
    for (let j = 0; j < amounts.length; j++) all += amounts[j] * Math.exp(exponents[j] * into) * phi1((exponents[j] - decline) * u);
    return u * all;
  }
  // Spent u days into a step.
  const spent = (i, u) => Math.exp(-decline * start[i]) * (whole[i] * u * phi1(-decline * u) + (smooth[i] && smooth[i] * asked(i, u)));
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
        const day = start[i] + u, next = u - off / ((whole[i] + smooth[i] * road.rate(day)) * Math.exp(-decline * day));
        const to = next > lower && next < upper ? next : (lower + upper) / 2;
        if (off === 0 || Math.abs(to - u) <= 1e-14 * (start[i] + u)) break;
        u = to;
      }
      return start[i] + u;
    }
    return Infinity;
  }

  // The first day on which so much is spent as training has cost by then.
  function overtakes(part) {
    for (const [i, day] of at.paid.entries()) {
      const level = levelOf(forms.schedule, part, day, horizon), next = at.paid[i + 1] ?? Infinity;
      const reached = level > 0 ? Math.max(reaches(part.training * level), day) : Infinity;
      if (reached < next) return reached;
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
  return { lay, overtakes, by };
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

// Columns of the parts over the samples, and of what is said of time; null where nothing is uncertain.
function worlds(forms, at, held) {
  const names = Object.keys(PARTS).filter((name) => at.parts[name]), drawn = (number) => number && number.family && !(held && number.market);
  const times = Object.keys(TIME).filter((name) => drawn(at.numbers[`serve.${name}`]));
  if (!times.length && !names.some((name) => at.parts[name].rest || Object.keys(at.parts[name].powers).some((tag) => drawn(at.numbers[tag])))) return null;
  const scaled = (number) => (number.over === 1 ? (x) => x : (x) => x * number.over);
  return [
    ...names.map((name) => [name, samplesOfPart(forms, at, name, held), name === "capacity" ? at.parts.capacity.at : 1]),
    ...times.map((name, _, __, number = at.numbers[`serve.${name}`]) => [name, samplesOf(forms, number, shared(at, `serve.${name}`)).map(scaled(number)), 1]),
  ];
}
// A figure of every sample, once its pieces are laid.
function each(forms, at, columns, figure) {
  // many logistic curves are told by fewer terms, as in the engine
  const many = forms.samples > 128 && columns.some(([name]) => ["requests", "ceiling", "adoption_midpoint"].includes(name));
  const line = timeline(forms, at, forms.exact[1], many ? 8 : 16), part = { ...PARTS, ...at.time }, found = new Array(forms.samples);
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
  const [low, high] = endsOf(each(forms, at, columns, (line, part) => line.overtakes(part)));
  return Number.isFinite(high) && Math.abs(low - high) <= 1e-9 * Math.abs(high) ? null : [low, high];
}

// The answer where the sliders stand: the crossing, and its range with all prices as they may be and at held ones.
function answered(forms, sliders, place) {
  const at = setting(forms, sliders, place), part = { ...PARTS, ...at.time };
  for (const name of Object.keys(PARTS)) if (at.parts[name]) part[name] = middleOf(at, name) / (name === "capacity" ? at.parts.capacity.at : 1);
  const centre = timeline(forms, at, forms.exact[0], 16);
  centre.lay(part);
  const columns = worlds(forms, at, false), whole = rangeOf(forms, at, columns);
  const market = Object.values(at.numbers).some((number) => number.family && number.market);
  const held = market ? rangeOf(forms, at, worlds(forms, at, true)) : null;
  const day = centre.overtakes(part), levels = (on) => part.training * levelOf(forms.schedule, part, on, at.horizon);
  return { at, day, whole, held, level: levels(Number.isFinite(day) ? day : at.horizon), levels, centre, columns };
}

// Both curves with their ranges, on the days of a picture that shows the crossing.
function picture(forms, { at, day, whole, levels, centre, columns }) {
  const late = whole && Number.isFinite(whole[1]) ? whole[1] : 0;
  const far = Number.isFinite(day) ? Math.max(1.25 * day, 1.15 * Math.min(late, 4 * day)) : 2 * late || at.horizon;
  const end = Math.min(at.horizon, far) || 1, days = Array.from({ length: POINTS + 1 }, (_, i) => (end * i) / POINTS);
  const inference = centre.by(days), training = days.map(levels);
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
  const own = around(endsOf(columns.find(([name]) => name === "training")[1]), middleOf(at, "training")), same = (pair) => pair[0] === pair[1];
  const sides = [0, 1];
  return {
    t: same(own) ? [] : sides.map((side) => training.map((v) => v * own[side])),
    i: factors.every(same) ? [] : sides.map((side) => inference.map((v, n) => v * factor(days[n], side))),
  };
}
