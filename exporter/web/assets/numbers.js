// SPDX-License-Identifier: Apache-2.0
// Numbers and times as the live view writes them.

export const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
// One form of time for the clock and the axes.
export const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
export const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function rateText(rate) {
  if (rate === null) return "–";
  if (rate === 0) return "0";
  if (rate < 0.095) return "< 0.1";
  return rate < 10 ? rate.toFixed(1) : short.format(rate);
}

export function durationText(seconds) {
  if (seconds < 1) return `${seconds * 1000} ms`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${seconds / 60} min`;
  return seconds < 86400 ? `${seconds / 3600} h` : `${seconds / 86400} d`;
}

// Of a metric that is not on the page nothing is known.
export function countText(format, count) {
  return count === null ? "–" : format.format(count);
}

export function bytesText(bytes) {
  return bytes === null ? "–" : `${short.format(bytes / 2 ** 20)} MiB`;
}
