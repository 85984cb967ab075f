// SPDX-License-Identifier: Apache-2.0
// Panels with a time axis: time series by uPlot, heatmaps, the timeline of states.
import { PALETTE, colour, fieldOf, gradient, legendOf, text } from './format.js';

const element = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};

function gridOf({ start, end, step }) {
  const times = [];
  for (let time = start; time <= end; time += step) times.push(time);
  return times;
}

function seriesOf(panel, answers, times) {
  const found = [];
  for (const target of panel.targets) {
    for (const { metric, values } of answers[target.refId] ?? []) {
      const at = new Map(values.map(([time, value]) => [time, Number(value)]));
      const name = legendOf(target, metric);
      found.push({ name, field: fieldOf(panel, name), points: times.map((time) => (at.has(time) && Number.isFinite(at.get(time)) ? at.get(time) : null)) });
    }
  }
  return found.map((series, index) => ({ ...series,
    colour: colour(series.field.color?.fixedColor ?? PALETTE[index % PALETTE.length]) }));
}

function legend(panel, series) {
  if (panel.options.legend.displayMode !== 'table') {
    return element('div', { className: 'legend' }, ...series.map((one) => {
      const mark = element('i');
      mark.style.background = one.colour;
      return element('span', {}, mark, one.name);
    }));
  }
  const table = element('table', { className: 'legend-table' });
  table.append(element('tr', {}, element('th', { textContent: 'Name' }), ...panel.options.legend.calcs.map((calc) =>
    element('th', { textContent: calc[0].toUpperCase() + calc.slice(1) }))));
  for (const one of series.slice(0, 5)) {
    const known = one.points.filter((value) => value !== null);
    const calcs = { mean: known.reduce((sum, value) => sum + value, 0) / known.length, max: Math.max(...known) };
    const mark = element('i');
    mark.style.background = one.colour;
    table.append(element('tr', {}, element('td', {}, mark, one.name), ...panel.options.legend.calcs.map((calc) =>
      element('td', { textContent: known.length ? text(calcs[calc], one.field.unit, one.field.decimals) : '–' }))));
  }
  return table;
}

// Firing alerts: where one begins, a dashed line.
const annotate = (annotations) => ({ hooks: { draw: [(plot) => {
  plot.ctx.save();
  plot.ctx.strokeStyle = '#f2495c88';
  plot.ctx.setLineDash([4, 4]);
  for (const { start } of annotations) {
    const x = Math.round(plot.valToPos(start, 'x', true)) + 0.5;
    if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
    plot.ctx.beginPath();
    plot.ctx.moveTo(x, plot.bbox.top);
    plot.ctx.lineTo(x, plot.bbox.top + plot.bbox.height);
    plot.ctx.stroke();
  }
  plot.ctx.restore();
}] } });

const AXIS = { stroke: '#9fa1ad', font: '11px DejaVu Sans', grid: { stroke: '#23262d', width: 1 }, ticks: { show: false } };
// As wide as its labels, so that charts use their panel and no label is cut.
const widest = (plot, labels) => Math.max(34, ...(labels ?? []).map((label) => (label ?? '').length * 6.6 + 12));
const LOG_TICKS = (unit) => (_, ticks) => ticks.map((value) =>
  (unit === 'bytes' ? Math.log2(value) % 4 === 0 : /^1(e|0|$|\.)|^0\.0*1$/.test(String(value))) ? text(value, unit) : null);

export function timeseries(panel, body, answers, context) {
  const times = gridOf(context);
  const series = seriesOf(panel, answers, times);
  if (!series.length) return body.append(element('div', { className: 'empty', textContent: panel.fieldConfig.defaults.noValue ?? 'No data' }));
  const { custom } = panel.fieldConfig.defaults;
  const stacked = custom.stacking?.mode === 'normal';
  const log = custom.scaleDistribution?.type === 'log';
  const drawn = series.map((one) => one.points);
  if (stacked) {
    for (let index = series.length - 2; index >= 0; index -= 1) {
      drawn[index] = drawn[index].map((value, at) => (value ?? 0) + (drawn[index + 1][at] ?? 0));
    }
  }
  const place = element('div');
  place.style.cssText = 'flex: 1; min-height: 0';
  const below = legend(panel, series);
  body.append(place, below);
  const { width, height } = place.getBoundingClientRect();
  const scale = (name) => (log && name === 'y' ? { distr: 3, log: custom.scaleDistribution.log } : { range: (_, low, high) => {
    return [Math.min(0, low ?? 0), high ? high * 1.05 : 1];
  } });
  const right = series.some((one) => one.field.custom.axisPlacement === 'right');
  const alpha = (custom.fillOpacity / 100) * (stacked ? 1 : 0.9);
  new uPlot({
    width, height, padding: [6, right ? 0 : 8, 0, 0], cursor: { show: false }, plugins: [annotate(context.annotations)],
    scales: { x: { time: true, min: context.start, max: context.end }, y: scale('y'), right: scale('right') },
    axes: [{ ...AXIS, size: 26, space: 70, values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toISOString().slice(11, 19).replace(/:00$/, '')) },
      { ...AXIS, scale: 'y', size: widest, values: log ? LOG_TICKS(panel.fieldConfig.defaults.unit)
        : (_, ticks) => ticks.map((tick) => text(tick, panel.fieldConfig.defaults.unit)) },
      ...(right ? [{ ...AXIS, scale: 'right', side: 1, size: 40, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => text(tick, 'none')) }] : [])],
    series: [{}, ...series.map((one) => {
      const fill = (one.field.custom.fillOpacity ?? custom.fillOpacity) ? one.colour + Math.round(alpha * 255).toString(16).padStart(2, '0') : undefined;
      return { stroke: one.colour, width: custom.drawStyle === 'bars' ? 0.5 : 1.3, fill, points: { show: false }, spanGaps: false,
        scale: one.field.custom.axisPlacement === 'right' ? 'right' : 'y',
        paths: custom.drawStyle === 'bars' ? uPlot.paths.bars({ size: [0.8, 12] }) : undefined };
    })],
  }, [times, ...drawn], place);
  return undefined;
}

// Classic buckets are cumulative in le; a native histogram brings its own bounds.
function cellsOf(result) {
  const native = result.find((series) => series.histograms);
  if (native) {
    return native.histograms.flatMap(([time, { buckets }]) => (buckets ?? []).map(([, low, high, count]) => ({ time, low: Number(low), high: Number(high), count: Number(count) })));
  }
  const bounds = result.map((series) => ({ high: Number(series.metric.le.replace('+Inf', 'Infinity')), at: new Map(series.values) }))
    .sort((one, other) => one.high - other.high);
  return bounds.flatMap(({ high, at }, index) => [...at].map(([time, value]) => ({
    time, low: index ? bounds[index - 1].high : 0, high, count: Number(value) - Number(bounds[index - 1]?.at.get(time) ?? 0) })));
}

export function heatmap(panel, body, answers, context) {
  const cells = cellsOf(answers.A ?? []).filter(({ count }) => count > 1e-9);
  if (!cells.length) return body.append(element('div', { className: 'empty', textContent: 'No data' }));
  const rows = [...new Set((answers.A ?? []).filter((series) => series.metric.le).map((series) => Number(series.metric.le.replace('+Inf', 'Infinity'))))].sort((one, other) => one - other);
  const bounds = rows.length ? rows : [...new Set(cells.map(({ high }) => high))].sort((one, other) => one - other);
  const most = Math.max(...cells.map(({ count }) => count));
  const { scheme, exponent } = panel.options.color;
  const place = element('div');
  place.style.cssText = 'flex: 1; min-height: 0; position: relative';
  const bar = element('div');
  bar.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map((share) => gradient(scheme, share)).join(',')})`;
  body.append(place, element('div', { className: 'scale' }, '0', bar, text(most, 'none', 0)));
  const { width, height } = place.getBoundingClientRect();
  const canvas = element('canvas', { width: width * 2, height: height * 2 });
  canvas.style.cssText = `width: ${width}px; height: ${height}px`;
  place.append(canvas);
  const brush = canvas.getContext('2d');
  brush.scale(2, 2);
  const [left, bottom] = [62, 20];
  const rowHeight = (height - bottom - 6) / bounds.length;
  const columnWidth = (width - left - 8) / Math.ceil((context.end - context.start) / context.step + 1);
  brush.font = '11px DejaVu Sans';
  for (const { time, high, count } of cells) {
    const row = bounds.indexOf(high);
    brush.fillStyle = gradient(scheme, 0.12 + 0.88 * ((count / most) ** exponent));
    brush.fillRect(left + ((time - context.start) / context.step) * columnWidth, height - bottom - (row + 1) * rowHeight, Math.max(columnWidth - 1, 1), rowHeight - 1);
  }
  brush.fillStyle = '#9fa1ad';
  brush.textAlign = 'right';
  bounds.forEach((bound, row) => brush.fillText(text(bound, panel.options.yAxis.unit), left - 6, height - bottom - (row + 0.5) * rowHeight + 4));
  brush.textAlign = 'center';
  for (let share = 0.1; share < 1; share += 0.2) {
    const time = context.start + share * (context.end - context.start);
    brush.fillText(new Date(time * 1000).toISOString().slice(11, 19), left + share * (width - left), height - 6);
  }
  return undefined;
}

export function stateTimeline(panel, body, answers, context) {
  const states = panel.targets.flatMap((target) => (answers[target.refId] ?? []).map(({ metric, values }) => ({ name: legendOf(target, metric), values })));
  if (!states.length) return body.append(element('div', { className: 'empty', textContent: panel.fieldConfig.defaults.noValue }));
  const share = (time) => `${((time - context.start) / (context.end - context.start)) * 100}%`;
  const lines = states.flatMap(({ name, values }) => {
    const track = element('div', { className: 'track' });
    let begun = null;
    values.forEach(([time], index) => {
      begun ??= time;
      if (values[index + 1]?.[0] === time + context.step) return;
      const block = element('div');
      block.style.cssText = `left: ${share(begun)}; width: calc(${share(time + context.step)} - ${share(begun)})`;
      track.append(block);
      begun = null;
    });
    return [element('div', { className: 'name', textContent: name }), track];
  });
  body.append(element('div', { className: 'timeline' }, ...lines.slice(0, 28)));
  return undefined;
}
