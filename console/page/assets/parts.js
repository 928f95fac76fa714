// Parts that several views use.
import { announce, h, put } from "./dom.js";
import { said } from "./details.js";
import { icon } from "./icons.js";
import { has, t } from "./i18n.js";
import { clock, moment, phone, span, spoken } from "./format.js";
import { query } from "./api.js";

const statusIcons = {
  scheduled: "clock", sending: "dots", pending: "dots", parked: "pause", delivered: "check", partial: "split", failed: "cross", expired: "clock",
  cancelled: "cross", unknown: "question",
};

// status is a message's or a recipient's status as a pill.
export function status(name) {
  return h("span", { class: "status", "data-status": name }, icon(statusIcons[name] ?? "question"), t(`status.${name}`));
}

// statusOf is the status of a message for people: one that surely nobody has, and perhaps somebody, is not partly delivered.
export function statusOf(m) {
  return m.status === "partial" && m.counts && !m.counts.delivered ? "unknown" : m.status;
}

// triedNext is when a parked message is tried next. What an earlier version has parked does not know it, but how often it is tried.
export function triedNext(parked) {
  return parked.next
    ? h("time", { class: "next", datetime: parked.next, title: moment(parked.next) }, t("parked.next", { at: clock(parked.next) }))
    : t("parked.wait", { wait: span((parked.wait ?? 0) * 1000) });
}

// channel is a channel or a type of message as a chip.
export function channel(name) {
  const key = { AT: "alimtalk", alimtalk: "alimtalk", sms: "sms" }[name] ?? name;
  return h("span", { class: "channel", "data-channel": key === "alimtalk" ? "alimtalk" : "sms" }, t(`channel.${key}`));
}

// testNumber is what a number's last four digits make happen, or null.
export function testNumber(number) {
  const ending = number.slice(-4);
  return testNumbers.includes(ending) ? ending : null;
}

export const testNumbers = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"];

// searchBox is a field for searching that calls changed when somebody has stopped typing.
export function searchBox(label, value, changed) {
  let timer;
  const input = h("input", {
    type: "search", "aria-label": label, placeholder: label, value, autocomplete: "off", spellcheck: "false", enterkeyhint: "search",
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(() => changed(input.value.trim()), 200);
    },
  });
  return h("div", { class: "search" }, icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/"));
}

// pager says how many there are and leads to older ones and back to the newest. Both are addresses, so that a page of a
// list can be kept.
export function pager(path, values, list) {
  const next = list.next ? query({ ...values, before: list.next }) : null;
  return h("div", { class: "pager" },
    h("span", {}, t("pager.total", { n: list.total })),
    values.before ? h("a", { href: path + query({ ...values, before: "" }) }, t("pager.newest")) : null,
    next ? h("a", { href: path + next, rel: "next" }, t("pager.older")) : null);
}

// cursorPager leads to older messages and back to the newest, in lists of which nobody knows how long they are.
export function cursorPager(path, values, next) {
  return h("div", { class: "pager" },
    values.cursor ? h("a", { href: path + query({ ...values, cursor: "" }) }, t("pager.newest")) : null,
    next ? h("a", { href: path + query({ ...values, cursor: next }), rel: "next" }, t("pager.older")) : null);
}

// told is what became of somebody, in words that can be read out on the telephone.
export function told(r) {
  return story(r, (a) => (a.at ? t("told.delivered", { channel: t(`channel.${a.channel}`), at: spoken(a.at) }) : arrived(a)));
}

// kindOf is the same without the time: what is alike for many.
export function kindOf(r) {
  return story(r, arrived);
}

const arrived = (a) => t("told.arrived", { channel: t(`channel.${a.channel}`) });

function story(r, delivered) {
  const why = (a) => (a.code && has(`code.${a.code}`) ? t(`code.${a.code}`) : said(a.reason) || t(`status.${a.status}`)).replace(/\.$/, "");
  const attempts = r.attempts?.length ? r.attempts : r.channel ? [r] : [];
  if (!attempts.length) return r.code ? why(r) : t("told.nothing");
  const all = attempts.map((a) => {
    if (a.status === "delivered") return delivered(a);
    const channel = t(`channel.${a.channel}`);
    return a.status === "pending" ? t("told.pending", { channel }) : t("told.other", { channel, why: why(a) });
  });
  // An AlimTalk that has failed, and an SMS that is to follow.
  if (r.status === "pending" && attempts.at(-1).status !== "pending") all.push(t("told.next"));
  return all.join(" → ");
}

// arrows lets the arrow keys move between the links of a list's entries.
export function arrows(list) {
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const links = [...list.children].map((entry) => entry.querySelector("a")).filter(Boolean);
    const next = links[links.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

// copyButton copies a text that it asks for when it is pressed.
export function copyButton(text, label = t("copy")) {
  const word = h("span", {}, label);
  return h("button", {
    type: "button", class: "copy",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(text());
        put(word, t("copied"));
        announce(t("copied"));
      } catch {
        put(word, t("copy.failed"));
      }
      setTimeout(() => put(word, label), 2000);
    },
  }, icon("copy"), word);
}

// jsonBlock is data that opens on demand.
export function jsonBlock(label, data) {
  if (data === undefined || data === null) return null;
  const pre = h("pre", { tabindex: "0" });
  const details = h("details", { class: "data" }, h("summary", {}, label), pre);
  // Large data are written only when somebody wants to see them.
  details.addEventListener("toggle", () => {
    if (details.open && !pre.firstChild) pre.append(JSON.stringify(data, null, 2));
  });
  return details;
}

// failure says what went wrong.
export function failure(error) {
  // What one may not do is no fault.
  const calm = ["not-allowed", "insufficient-scope"].includes(error.type);
  return h("div", { class: calm ? "failure calm" : "failure", role: calm ? "status" : "alert", tabindex: "-1" }, icon(calm ? "pause" : "cross"),
    h("div", {}, error.title ? h("strong", {}, error.title) : null, error.message === error.title ? null : h("p", {}, error.message), error.more ? h("p", { class: "muted" }, error.more) : null));
}

// numberOf is a number with what it is known for.
export function numberOf(digits) {
  const ending = testNumber(digits);
  return [h("span", { class: "number" }, phone(digits)), ending ? h("span", { class: "test" }, t(`test.${ending}.short`)) : null];
}

// empty is what a list says that has nothing.
export function empty(title, text, ...more) {
  return h("div", { class: "empty" }, h("h2", {}, title), h("p", {}, text), ...more);
}

// sure is a button that asks once. work is what it is for, refused is told what went wrong, and after comes in either case.
export function sure(label, question, work, refused, { kind = "", after } = {}) {
  return h("button", {
    type: "button", class: kind,
    onclick: async (event) => {
      if (!confirm(question)) return;
      const button = event.currentTarget;
      button.disabled = true;
      try {
        await work();
        announce(t("operations.done"));
      } catch (error) {
        refused(error);
      }
      // What can be done may be another thing now.
      await after?.();
      button.disabled = false;
      // A button that was pressed by key and is gone leaves nobody at the beginning of the page.
      if (document.activeElement === document.body) (button.isConnected ? button : document.querySelector("main")).focus();
    },
  }, label);
}
