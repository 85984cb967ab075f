// SPDX-License-Identifier: Apache-2.0
// Numbers, colours and thresholds as Grafana shows them.
const trim = (value, decimals) => value.toFixed(decimals).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
const digits = (value) => (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3);

function scaled(value, base, names, decimals) {
  let step = 0;
  let rest = value;
  while (Math.abs(rest) >= base && step < names.length - 1) {
    rest /= base;
    step += 1;
  }
  return [trim(rest, decimals ?? digits(rest)), names[step]];
}

function seconds(value, decimals) {
  const size = Math.abs(value);
  for (const [least, factor, unit] of [[86400, 86400, 'day'], [3600, 3600, 'hour'], [60, 60, 'min'], [1, 1, 's'], [1e-3, 1e-3, 'ms'], [0, 1e-6, 'µs']]) {
    if (size >= least) return [trim(value / factor, decimals ?? digits(value / factor)), size === 0 ? 's' : unit];
  }
  return [String(value), 's'];
}

// [number, unit] as texts.
export function parts(value, unit, decimals) {
  if (value === null || value === undefined || Number.isNaN(value)) return ['–', ''];
  if (!Number.isFinite(value)) return [value > 0 ? '+Inf' : '-Inf', ''];
  switch (unit) {
    case 's': return seconds(value, decimals);
    case 'bytes': return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], decimals);
    case 'percentunit': return [trim(value * 100, decimals ?? digits(value * 100)), '%'];
    case 'ops': {
      const [number, factor] = scaled(value, 1000, ['', 'K', 'M', 'G'], decimals);
      return [number, `${factor} ops/s`];
    }
    default: return scaled(value, 1000, ['', 'K', 'Mil', 'Bil'], decimals);
  }
}

export function text(value, unit, decimals) {
  const [number, suffix] = parts(value, unit, decimals);
  return /^(%|K|Mil|Bil|)$/.test(suffix) ? number + suffix : `${number} ${suffix.trim()}`;
}

const NAMED = { green: '#73BF69', 'light-green': '#96D98D', yellow: '#FADE2A', orange: '#FF9830', 'semi-dark-orange': '#FF780A',
  red: '#F2495C', blue: '#5794F2', 'light-blue': '#8AB8FF', purple: '#B877D9', text: '#ccccdc', transparent: 'transparent' };
export const PALETTE = ['#73BF69', '#F2CC0C', '#8AB8FF', '#FF780A', '#F2495C', '#5794F2', '#B877D9', '#705DA0', '#37872D', '#FADE2A',
  '#447EBC', '#C15C17', '#B7DBAB', '#F4D598', '#70DBED', '#F9BA8F'];
export const colour = (name) => NAMED[name] ?? name;

export function atThreshold(value, thresholds) {
  let found = 'text';
  for (const step of thresholds?.steps ?? []) if (step.value === null || value >= step.value) found = step.color;
  return found;
}

const GRADIENTS = {
  'continuous-BlPu': ['#3274d9', '#a352cc'], 'continuous-YlRd': ['#f2cc0c', '#e02f44'],
  Oranges: ['#1d1a17', '#7a3403', '#e6550d', '#fdae6b', '#fff0e0'], Blues: ['#14202f', '#1d4f8f', '#4292c6', '#9ecae1', '#eff7ff'],
  Greens: ['#12211a', '#1b6b38', '#41ab5d', '#a1d99b', '#f0fbed'],
};

export function gradient(name, share) {
  const stops = GRADIENTS[name].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = stops[Math.floor(place)];
  const high = stops[Math.ceil(place)];
  return `rgb(${low.map((from, index) => Math.round(from + (high[index] - from) * (place % 1))).join(',')})`;
}

// The field options that apply to a display name: defaults, then what overrides byName say.
export function fieldOf(panel, name) {
  const field = { ...panel.fieldConfig.defaults, custom: { ...panel.fieldConfig.defaults.custom } };
  for (const { matcher, properties } of panel.fieldConfig.overrides) {
    if (matcher.options !== name) continue;
    for (const { id, value } of properties) {
      if (id.startsWith('custom.')) field.custom[id.slice(7)] = value;
      else field[id] = value;
    }
  }
  return field;
}

export const legendOf = (target, metric) => (target.legendFormat
  ? target.legendFormat.replace(/\{\{(\w+)\}\}/g, (whole, label) => metric[label] ?? '').trim()
  : Object.entries(metric).map(([name, value]) => `${name}="${value}"`).join(', ') || 'Value');
