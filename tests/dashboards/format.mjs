// SPDX-License-Identifier: Apache-2.0
// Writes the dashboards in one shape, so that a diff shows what changed: whatever fits into a line stands
// on one. `node format.mjs` formats in place (say, after an export from Grafana), `--check` only complains.
import { readFileSync, writeFileSync } from 'node:fs';
import { dashboardFiles, isMain } from './dashboards.mjs';

const WIDTH = 120;

function inline(value) {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (value && typeof value === 'object') {
    const fields = Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}: ${inline(field)}`);
    return fields.length ? `{ ${fields.join(', ')} }` : '{}';
  }
  return JSON.stringify(value);
}

export function format(value, indent = '', reserved = 0) {
  const line = inline(value);
  if (!value || typeof value !== 'object' || indent.length + reserved + line.length <= WIDTH) return line;
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((item) => inner + format(item, inner))
    : Object.entries(value).map(([key, field]) => {
        const name = `${JSON.stringify(key)}: `;
        return inner + name + format(field, inner, name.length);
      });
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

export function unformatted(file) {
  const text = readFileSync(file, 'utf8');
  const wanted = `${format(JSON.parse(text))}\n`;
  return text === wanted ? null : wanted;
}

if (isMain(import.meta)) {
  for (const file of dashboardFiles()) {
    const wanted = unformatted(file);
    if (wanted && process.argv.includes('--check')) {
      console.error(`${file}: not in the shape of tests/dashboards/format.mjs`);
      process.exitCode = 1;
    } else if (wanted) {
      writeFileSync(file, wanted);
    }
  }
}
