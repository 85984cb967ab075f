// SPDX-License-Identifier: Apache-2.0
// Panels of single values: stat, gauge, table.
import { atThreshold, colour, fieldOf, gradient, parts, text } from './format.js';

const element = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};

const lastOf = (series) => Number((series?.value ?? series?.values?.at(-1))?.[1] ?? NaN);

function sparkline(series, shade) {
  const canvas = element('canvas', { width: 400, height: 100 });
  const brush = canvas.getContext('2d');
  const values = series.values.map(([, value]) => Number(value));
  const most = Math.max(...values, 1e-9);
  const point = (value, index) => [(index / Math.max(values.length - 1, 1)) * 400, 96 - (value / most) * 84];
  brush.beginPath();
  values.forEach((value, index) => brush.lineTo(...point(value, index)));
  brush.strokeStyle = shade;
  brush.lineWidth = 2;
  brush.stroke();
  brush.lineTo(400, 100);
  brush.lineTo(0, 100);
  brush.fillStyle = `${shade}33`;
  brush.fill();
  return canvas;
}

export function stat(panel, body, answers, context, frame) {
  const { defaults } = panel.fieldConfig;
  const [series] = answers.A ?? [];
  const value = lastOf(series);
  const byName = panel.options.textMode === 'name';
  const mapped = defaults.mappings?.[0].options[String(value)]?.text;
  const [number, suffix] = Number.isNaN(value) ? [defaults.noValue, ''] : parts(value, defaults.unit, defaults.decimals);
  const shown = byName && series ? Object.values(series.metric).join(' ') : mapped ?? number;
  frame.classList.add('stat');
  body.append(element('div', { className: `value${byName || mapped ? ' name' : ''}` }, shown, ...(mapped || byName ? [] : [element('small', { textContent: suffix })])));
  if (panel.options.colorMode === 'background') {
    const shade = colour(atThreshold(Number.isNaN(value) ? -Infinity : value, defaults.thresholds));
    frame.classList.add('filled');
    frame.style.background = `linear-gradient(120deg, color-mix(in srgb, ${shade} 60%, #111217), color-mix(in srgb, ${shade} 78%, #111217))`;
  }
  if (series?.values?.length > 1) body.append(sparkline(series, '#5794F2'));
}

export function gauge(panel, body, answers) {
  const { defaults } = panel.fieldConfig;
  const value = lastOf(answers.A?.[0]);
  const { width, height } = body.getBoundingClientRect();
  const canvas = element('canvas', { width: width * 2, height: height * 2 });
  canvas.style.cssText = `width: ${width}px; height: ${height}px`;
  const brush = canvas.getContext('2d');
  brush.scale(2, 2);
  const radius = Math.min(width / 2 - 16, height - 16);
  const arc = (from, to, shade, size, thick) => {
    brush.beginPath();
    brush.arc(width / 2, height - 8, size, Math.PI * (1 + from), Math.PI * (1 + to));
    brush.strokeStyle = shade;
    brush.lineWidth = thick;
    brush.stroke();
  };
  const share = Math.min(value / (defaults.max ?? 1), 1);
  arc(0, 1, '#2a2d34', radius - 8, 16);
  arc(0, share, colour(atThreshold(value, defaults.thresholds)), radius - 8, 16);
  defaults.thresholds.steps.forEach((step, index, steps) => arc(step.value ?? 0, steps[index + 1]?.value ?? 1, colour(step.color), radius + 3, 3));
  brush.fillStyle = '#fff';
  brush.font = '500 20px DejaVu Sans';
  brush.textAlign = 'center';
  brush.fillText(text(value, defaults.unit, defaults.decimals), width / 2, height - 14);
  body.append(canvas);
}

// The transformations merge and organize: one row for each set of labels, a column for each query.
function rowsOf(panel, answers) {
  const rows = new Map();
  const single = panel.targets.length === 1;
  for (const { refId } of panel.targets) {
    for (const { metric, value } of answers[refId] ?? []) {
      const key = JSON.stringify(metric, Object.keys(metric).sort());
      const row = rows.get(key) ?? { ...metric };
      row[single ? 'Value' : `Value #${refId}`] = Number(value[1]);
      rows.set(key, row);
    }
  }
  return [...rows.values()];
}

function columnsOf(panel, rows) {
  const { indexByName, excludeByName, renameByName } = panel.transformations.find(({ id }) => id === 'organize').options;
  const present = new Set(rows.flatMap(Object.keys));
  return Object.keys(indexByName).sort((one, other) => indexByName[one] - indexByName[other])
    .filter((key) => present.has(key) && !excludeByName[key])
    .map((key) => ({ key, name: renameByName[key] ?? key, field: fieldOf(panel, renameByName[key] ?? key) }));
}

function cellOf(value, { field }, most) {
  if (typeof value !== 'number') {
    const mapped = field.mappings?.[0].options[value];
    const cell = element('td', { className: field.links ? 'link' : '' }, element('span', { textContent: mapped?.text ?? value ?? '' }));
    if (mapped) cell.style.color = colour(mapped.color);
    return cell;
  }
  const mapped = field.mappings?.[0].options[String(value)];
  const shown = mapped?.text ?? (Number.isNaN(value) ? '' : text(value, field.unit, field.decimals));
  const kind = field.custom.cellOptions?.type;
  if (kind === 'gauge') {
    const bar = element('div');
    bar.style.cssText = `width: ${Math.max(2, (value / most) * 60)}%; background: linear-gradient(90deg, ${gradient(field.color.mode, 0)}, ${gradient(field.color.mode, value / most)})`;
    return element('td', {}, element('span', { className: 'bar' }, bar, shown));
  }
  const cell = element('td', {}, element('span', { textContent: shown }));
  const name = mapped?.color ?? (kind ? atThreshold(value, field.thresholds) : 'transparent');
  const shade = colour(name);
  if (kind === 'color-background' && name !== 'transparent') cell.style.background = `color-mix(in srgb, ${shade} 70%, #181b1f)`;
  if (kind === 'color-text' && name !== 'transparent') cell.style.color = shade;
  return cell;
}

export function table(panel, body, answers) {
  const rows = rowsOf(panel, answers);
  if (!rows.length) return body.append(element('div', { className: 'empty', textContent: panel.fieldConfig.defaults.noValue ?? 'No data' }));
  const columns = columnsOf(panel, rows);
  const [sort] = panel.options.sortBy ?? [];
  const by = columns.find(({ name }) => name === sort?.displayName)?.key;
  const order = (one, other) => {
    const [left, right] = [one[by] ?? -Infinity, other[by] ?? -Infinity];
    return (left < right ? -1 : left > right ? 1 : 0) * (sort.desc ? -1 : 1);
  };
  if (by) rows.sort(order);
  const made = element('table', { className: 'table' });
  made.append(element('tr', {}, ...columns.map(({ name }) => element('th', { textContent: name + (name === sort?.displayName ? (sort.desc ? ' ↓' : ' ↑') : '') }))));
  for (const row of rows.slice(0, Math.floor((body.clientHeight - 24) / 26))) {
    made.append(element('tr', {}, ...columns.map((column) =>
      cellOf(row[column.key], column, Math.max(...rows.map((other) => other[column.key] || 0), 1e-9)))));
  }
  body.append(made);
  return undefined;
}
