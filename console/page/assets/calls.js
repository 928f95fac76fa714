// The calls to the vendor that were made for a message. Those of one kind in one visit of a state are one line: to read the
// receipts of 500 recipients takes ten.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { clock, moment, number } from "./format.js";

// What is sent by which call; all others read.
const sends = { "/akv10/alimtalk/send/": "alimtalk", "/send/": "sms", "/send_mass/": "sms" };
const reads = ["/akv10/history/detail/", "/sms_list/"];

const channelOf = (c) => c.channel ?? sends[c.endpoint];

// groups are the calls with how many of the same kind were made one after the other, in the order of the first of each.
export function groups(calls) {
  const all = [];
  for (const c of calls) {
    const kind = [c.visit, c.endpoint, c.code ?? "", c.fault ?? "", Boolean(c.accepted), c.certain].join("\n");
    const last = all.at(-1);
    if (last?.kind === kind) {
      last.n += 1;
      last.recipients += c.recipients ?? 0;
      if (last.call.mid !== c.mid) last.more = true;
    } else {
      all.push({ kind, call: c, n: 1, recipients: c.recipients ?? 0, more: false });
    }
  }
  return all;
}

// callLine is a group of calls as the timeline shows it.
export function callLine({ call: c, n }) {
  return [icon("next"), h("code", {}, c.endpoint), n > 1 ? h("span", {}, t("calls.times", { n: number(n) })) : null, c.fault ? h("span", { class: "test" }, t(`fault.${c.fault}`)) : null,
    h("span", { class: "muted" }, c.code !== undefined ? t("calls.code", { code: c.code }) : t(c.accepted ? "calls.accepted" : "calls.nocode")),
    c.mid ? h("span", { class: "muted" }, `mid ${c.mid}`) : null];
}

// summary says in one line to how many was sent, and how often was asked.
function summary(calls) {
  const sent = ["alimtalk", "sms"].flatMap((name) => {
    const made = calls.filter((c) => c.accepted && channelOf(c) === name);
    return made.length ? t("calls.sent", { channel: t(`channel.${name}`), people: number(made.reduce((sum, c) => sum + (c.recipients ?? 0), 0)), n: number(made.length) }) : [];
  });
  const read = calls.filter((c) => reads.includes(c.endpoint)).length;
  const others = calls.filter((c) => !reads.includes(c.endpoint) && !(c.accepted && channelOf(c))).length;
  return [...sent, read ? t("calls.read", { n: number(read) }) : [], others ? t("calls.others", { n: number(others) }) : []].flat().join(" · ");
}

export function calls(m) {
  if (!m.calls.length) return h("p", { class: "muted" }, t("calls.none"));
  const uncertain = m.calls.some((c) => !c.certain);
  const all = groups(m.calls);
  const table = h("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "calls-title" },
    h("table", {},
      h("thead", {}, h("tr", {}, ["at", "endpoint", "state", "recipients", "answer", "mid"].map((name) => h("th", { scope: "col" }, t(`calls.${name}`))))),
      h("tbody", {}, all.map(({ call: c, n, recipients, more }) => h("tr", {},
        h("td", {}, h("time", { datetime: c.at, title: moment(c.at) }, clock(c.at))),
        h("th", { scope: "row" }, h("code", {}, c.channel ? t(`channel.${c.channel}`) : c.endpoint), n > 1 ? ` ${t("calls.times", { n: number(n) })}` : "", c.certain ? null : h("span", { title: t("calls.uncertain") }, " *")),
        h("td", {}, c.visit < 0 ? "–" : h("a", { href: `#visit-${c.visit}` }, m.way.visits[c.visit].state)),
        h("td", {}, recipients ? number(recipients) : "–"),
        h("td", {}, c.code ?? (c.accepted ? null : t("calls.nocode")), c.fault ? h("span", { class: "sub" }, t(`fault.${c.fault}`)) : null, c.accepted ? h("span", { class: "sub" }, t("calls.accepted")) : null),
        h("td", {}, c.mid ?? "–", more ? " …" : ""))))));
  return [
    h("p", { class: "told" }, summary(m.calls)),
    all.length > many ? h("details", { class: "data", "data-name": "calls" }, h("summary", {}, t("calls.all", { n: number(m.calls.length) })), table) : table,
    uncertain ? h("p", { class: "muted" }, `* ${t("calls.uncertain")}`) : null,
  ];
}

// many lines are folded.
const many = 12;
