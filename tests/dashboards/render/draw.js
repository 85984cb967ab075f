// SPDX-License-Identifier: Apache-2.0
// Draws a dashboard's JSON with the answers of Prometheus to its queries: {dashboard, answers: {panel id: {refId:
// result}}, context: {start, end, step, annotations, variables}}.
import { heatmap, stateTimeline, timeseries } from './charts.js';
import { gauge, stat, table } from './values.js';

const DRAW = { stat, gauge, table, timeseries, heatmap, 'state-timeline': stateTimeline };
const CELL = 34;
const GAP = 8;

const element = (tag, attributes = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), attributes);
  made.append(...children);
  return made;
};

function head(dashboard, context) {
  const clock = (time) => new Date(time * 1000).toISOString().slice(11, 19);
  return element('header', {}, element('h1', { textContent: dashboard.title }),
    ...dashboard.templating.list.map(({ label, name }) => element('span', { className: 'variable' },
      element('b', { textContent: label }), element('span', { textContent: context.variables[name] ?? 'All' }))),
    element('span', { className: 'time', textContent: `${clock(context.start)} to ${clock(context.end)} UTC` }));
}

window.draw = ({ dashboard, answers, context }) => {
  const grid = element('div', { className: 'grid' });
  document.querySelector('main').replaceChildren(head(dashboard, context), grid);
  const column = (grid.clientWidth + GAP) / 24;
  for (const panel of dashboard.panels) {
    const { x, y, w, h } = panel.gridPos;
    const box = `left: ${x * column}px; top: ${y * (CELL + GAP)}px; width: ${w * column - GAP}px; height: ${h * (CELL + GAP) - GAP}px`;
    if (panel.type === 'row') {
      const row = element('div', { className: 'row', textContent: panel.title });
      row.style.cssText = box;
      grid.append(row);
      continue;
    }
    const body = element('div', { className: 'body' });
    const frame = element('section', { className: 'panel' }, element('h2', { textContent: panel.title }), body);
    frame.style.cssText = box;
    grid.append(frame);
    DRAW[panel.type](panel, body, answers[panel.id], context, frame);
  }
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  grid.style.height = `${bottom * (CELL + GAP)}px`;
};
