// How things are written.
import { language, t } from "./i18n.js";

const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayTime = new Intl.DateTimeFormat(language, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const integer = new Intl.NumberFormat(language);
const decimal = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat(language, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", maximumSignificantDigits: 3 });
const share = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });

export const number = (n) => integer.format(n);
export const percent = (part, of) => (of > 0 ? share.format(part / of) : "–");
export const won = (n) => t("format.won", { amount: decimal.format(n) });
export const usd = (n) => (n === 0 ? "$0" : dollars.format(n));

// clock is a time, short if it is of today.
export const clock = (text) => today(text, time);

// spoken is a time as one says it, without seconds.
export const spoken = (text) => today(text, hour);

function today(text, format) {
  const at = new Date(text);
  return (at.toDateString() === new Date().toDateString() ? format : dayTime).format(at);
}

export const moment = (text) => full.format(new Date(text));

// span is a number of milliseconds for people.
export function span(ms) {
  const seconds = ms / 1000;
  if (ms < 1000) return t("format.ms", { n: Math.max(0, Math.round(ms)) });
  if (seconds < 60) return t("format.s", { n: decimal.format(seconds) });
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), Math.floor(seconds % 60)];
  const parts = h > 0 ? [h && t("format.h", { n: h }), m && t("format.min", { n: m })] : [t("format.min", { n: m }), s && t("format.s", { n: s })];
  return parts.filter(Boolean).join(" ");
}

// duration is one in Go's notation, such as 5m0s, for people.
export function duration(text) {
  const seconds = { h: 3600, m: 60, s: 1 };
  return span([...text.matchAll(/([\d.]+)([hms])/g)].reduce((sum, [, n, unit]) => sum + n * seconds[unit] * 1000, 0));
}

export const between = (from, to) => span(new Date(to) - new Date(from));

// phone writes a Korean number with its hyphens.
export function phone(number) {
  // +82 stands for the 0 that a number begins with.
  const digits = number.replace(/^\+?820?/, "0");
  const match =
    /^(01\d)(\d{3,4})(\d{4})$/.exec(digits) ?? /^(050\d)(\d{3,4})(\d{4})$/.exec(digits) ??
    /^(02)(\d{3,4})(\d{4})$/.exec(digits) ?? /^(0\d\d)(\d{3,4})(\d{4})$/.exec(digits) ?? /^(1\d{3})(\d{4})$/.exec(digits);
  return match ? match.slice(1).join("-") : number;
}

// local is a time as <input type="datetime-local"> has it.
export function local(date) {
  const pad = (n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

// rfc3339 is what a datetime-local says, with the browser's time zone.
export function rfc3339(value) {
  const date = new Date(value);
  const offset = -date.getTimezoneOffset();
  const pad = (n) => String(Math.abs(n)).padStart(2, "0");
  const zone = offset === 0 ? "Z" : `${offset < 0 ? "-" : "+"}${pad(Math.trunc(offset / 60))}:${pad(offset % 60)}`;
  return local(date) + zone;
}
