// SPDX-License-Identifier: Apache-2.0
// Reads PromQL by Prometheus' own grammar: which series an expression selects, which labels it may return.
import { parser } from '@prometheus-io/lezer-promql';

// Grafana's variables in places where PromQL wants a duration or a number; those in strings may stay.
const DURATIONS = { $__rate_interval: '1m30s', $__interval: '15s', $__range_s: '10800', $__range: '3h' };
export const RATE_INTERVAL = DURATIONS.$__rate_interval;

export function parse(expr) {
  const text = expr.replace(/\$__\w+/g, (name) => DURATIONS[name] ?? name);
  const wrap = (node) => {
    const children = [];
    for (let child = node.firstChild; child; child = child.nextSibling) children.push(wrap(child));
    const wrapped = { name: node.name, isError: node.type.isError, text: text.slice(node.from, node.to), children };
    children.forEach((child) => { child.parent = wrapped; });
    return wrapped;
  };
  return wrap(parser.parse(text).topNode);
}

export function* walk(node) {
  yield node;
  for (const child of node.children) yield* walk(child);
}

const find = (node, name) => [...walk(node)].filter((found) => found.name === name);
const child = (node, name) => node.children.find((found) => found.name === name);

export const isValid = (tree) => tree.children.length > 0 && ![...walk(tree)].some((node) => node.isError);

// [{metric, matchers: {label: '=~"…"'}, range, call}]; call is the function right around the selector.
export function selectorsOf(tree) {
  return find(tree, 'VectorSelector').map((node) => {
    const matrix = node.parent?.name === 'MatrixSelector' ? node.parent : null;
    const around = (matrix ?? node).parent;
    const call = around?.name === 'FunctionCallBody' && around.parent.name === 'FunctionCall' ? around.parent : null;
    return {
      metric: child(node, 'Identifier')?.text,
      matchers: Object.fromEntries(find(node, 'UnquotedLabelMatcher').map((matcher) => [
        child(matcher, 'LabelName').text,
        child(matcher, 'MatchOp').text + child(matcher, 'StringLiteral').text])),
      range: matrix && child(matrix, 'DurationExpr').text,
      call: call && child(call, 'FunctionIdentifier').text,
    };
  });
}

const namesIn = (clause) => find(clause, 'LabelName').map((label) => label.text);

function aggregateLabels(node, labelsOfMetric, complain) {
  const inner = labelsOf(child(node, 'FunctionCallBody'), labelsOfMetric, complain);
  const modifier = child(node, 'AggregateModifier');
  if (!modifier) return /^(topk|bottomk)$/.test(child(node, 'AggregateOp').text) ? inner : new Set();
  const names = namesIn(modifier);
  for (const name of names) if (!inner.has(name)) complain(`${modifier.text}: nothing inside has a label ${name}`);
  return child(modifier, 'By') ? new Set(names) : new Set([...inner].filter((name) => !names.includes(name)));
}

function binaryLabels(node, labelsOfMetric, complain) {
  const clause = child(node, 'MatchingModifierClause');
  const [left, right] = [node.children[0], node.children.at(-1)].map((side) => labelsOf(side, labelsOfMetric, complain));
  if (clause) {
    for (const name of namesIn(clause)) {
      if (!left.has(name) && !right.has(name)) complain(`${clause.text}: neither side has a label ${name}`);
    }
  }
  if (child(node, 'Or')) return new Set([...left, ...right]);
  return left.size ? left : right;
}

// The labels that the result may carry. labelsOfMetric(name) says what a series has; complain(text) is told
// of every by, without, on or ignoring that names a label which nothing inside has.
export function labelsOf(node, labelsOfMetric, complain) {
  const recurse = (found) => labelsOf(found, labelsOfMetric, complain);
  switch (node.name) {
    case 'VectorSelector':
      return new Set(labelsOfMetric(child(node, 'Identifier')?.text));
    case 'AggregateExpr':
      return aggregateLabels(node, labelsOfMetric, complain);
    case 'BinaryExpr':
      return binaryLabels(node, labelsOfMetric, complain);
    case 'FunctionCall': {
      const labels = new Set(node.children.flatMap((found) => [...recurse(found)]));
      const name = child(node, 'FunctionIdentifier').text;
      if (name === 'histogram_quantile') labels.delete('le');
      if (/^label_(replace|join)$/.test(name)) labels.add(JSON.parse(child(child(node, 'FunctionCallBody'), 'StringLiteral').text));
      return /^(scalar|time|vector)$/.test(name) ? new Set() : labels;
    }
    default:
      return new Set(node.children.flatMap((found) => [...recurse(found)]));
  }
}
