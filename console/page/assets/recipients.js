// Whom a message is for, and what became of each: counts by result first, then a list that can be filtered and searched.
import { h, keyed, show } from "./dom.js";
import { said } from "./details.js";
import { has, t } from "./i18n.js";
import { clock, moment, number } from "./format.js";
import { channel, kindOf, searchBox, status, told } from "./parts.js";

// How many rows are drawn until somebody asks for all, and from how many recipients on there is a search.
const most = 50;
const searched = 5;
const results = ["delivered", "failed", "unknown", "pending"];

// recipients gives { node, draw }. draw shows a message's recipients, and touches only what has changed since: what somebody
// has chosen, written and scrolled to stays.
export function recipients() {
  let m = null;
  let kinds = [];
  let chosen = { status: "", kind: "" };
  let words = "";
  let whole = false;
  const title = h("h2", { id: "recipients-title" });
  const counts = h("div", {});
  const kindList = h("div", {});
  const search = h("div", { hidden: true }, searchBox(t("recipients.search"), "", (text) => {
    words = text;
    whole = false;
    drawRows();
  }));
  const found = h("p", { class: "muted", role: "status" });
  const body = h("tbody", {});
  const more = h("div", {});
  const table = h("div", { class: "scroll people", tabindex: "0", role: "group", "aria-labelledby": "recipients-title" }, h("table", {},
    h("thead", {}, h("tr", {}, ["number", "status", "channel", "reason", "at"].map((name) => h("th", { scope: "col" }, t(`message.recipient.${name}`))))), body));
  const node = h("section", { class: "box", "aria-labelledby": "recipients-title" }, title, counts, kindList, search, found, table, more);

  function draw(next) {
    m = next;
    kinds = m.recipients.map(kindOf);
    if (chosen.kind && !kinds.includes(chosen.kind)) chosen = { status: "", kind: "" };
    title.textContent = t("message.recipients", { n: number(m.recipients.length) });
    // One recipient needs no counts: what became of it is one sentence.
    const one = m.recipients.length === 1;
    show(counts, { counts: m.counts, chosen, one: one ? told(m.recipients[0]) : "" }, () => (one ? h("p", { class: "told" }, told(m.recipients[0])) : drawCounts()));
    const groups = one ? [] : grouped();
    show(kindList, groups.length > 1 ? { groups, chosen } : null, () => drawKinds(groups));
    search.hidden = m.recipients.length < searched;
    drawRows();
  }

  function choose(next) {
    chosen = next;
    whole = false;
    draw(m);
  }

  // pick is a button that filters by a result, or lets all be seen again.
  function pick(on, next, ...content) {
    return h("button", { type: "button", class: "pick", "aria-pressed": String(on), onclick: () => { choose(on ? { status: "", kind: "" } : next); refocus(next); } }, content);
  }

  // refocus leads back to the button that was pressed, which has been drawn again.
  function refocus({ status: name, kind }) {
    const id = kind ? `kind ${kind}` : `status ${name}`;
    [...node.querySelectorAll(".pick")].find((x) => x.dataset.id === id)?.focus({ preventScroll: true });
  }

  function drawCounts() {
    const all = pick(!chosen.status && !chosen.kind, { status: "", kind: "" }, t("messages.all"), " ", number(m.recipients.length));
    all.dataset.id = "status ";
    const buttons = results.filter((name) => m.counts[name] || chosen.status === name).map((name) => {
      const button = pick(chosen.status === name, { status: name, kind: "" }, status(name), " ", number(m.counts[name] ?? 0));
      button.dataset.id = `status ${name}`;
      return button;
    });
    return h("div", { class: "counts", role: "group", "aria-label": t("recipients.filter") }, all, buttons,
      m.counts.fellBack ? h("span", { class: "muted" }, t("message.recipients.fellBack", { n: number(m.counts.fellBack) })) : null);
  }

  // grouped are the kinds of outcome with how many have each, the most frequent first.
  function grouped() {
    const n = new Map();
    kinds.forEach((kind, i) => {
      const group = n.get(kind) ?? { kind, status: m.recipients[i].status, n: 0 };
      group.n += 1;
      n.set(kind, group);
    });
    return [...n.values()].sort((a, b) => b.n - a.n);
  }

  function drawKinds(groups) {
    return h("ul", { class: "kinds", "aria-label": t("recipients.kinds") }, groups.map((g) => {
      const on = chosen.kind === g.kind;
      const button = pick(on, { status: "", kind: g.kind }, h("span", { class: "figure-small" }, number(g.n)), h("span", { class: "dot", "data-status": g.status, "aria-hidden": "true" }), h("span", {}, g.kind));
      button.dataset.id = `kind ${g.kind}`;
      return h("li", {}, button);
    }));
  }

  function drawRows() {
    const finds = finder(words);
    const fitting = m.recipients.map((r, i) => ({ ...r, i })).filter((r) =>
      (!chosen.status || r.status === chosen.status) && (!chosen.kind || kinds[r.i] === chosen.kind) && finds(r));
    keyed(body, whole ? fitting : fitting.slice(0, most), (r) => r.i, row);
    table.hidden = !fitting.length;
    const filtered = words || chosen.status || chosen.kind;
    found.textContent = !filtered ? "" : fitting.length ? t("recipients.found", { n: number(fitting.length) }) : t("recipients.none");
    const left = whole ? 0 : fitting.length - most;
    show(more, left > 0 ? { left } : null, () => h("button", { type: "button", class: "quiet", onclick: () => { whole = true; drawRows(); body.children[most]?.querySelector("th")?.focus({ preventScroll: true }); } }, t("message.recipients.more", { n: number(left) })));
  }

  return { node, draw };
}

function row(r) {
  return h("tr", {},
    h("th", { scope: "row", class: "number", tabindex: "-1" }, r.to, r.reference ? h("span", { class: "sub" }, r.reference) : null),
    h("td", {}, status(r.status)),
    h("td", {}, r.channel ? channel(r.channel) : null),
    h("td", {}, (r.attempts ?? []).length > 1 ? r.attempts.map((a) => h("div", { class: "tried" }, channel(a.channel), " ", why(a))) : why(r)),
    h("td", {}, r.at ? h("time", { datetime: r.at, title: moment(r.at) }, clock(r.at)) : null));
}

// why is the code of a result in the reader's words, and the words that came with it where the code does not say it all.
function why(r) {
  if (!r.code) return said(r.reason) || null;
  const known = has(`code.${r.code}`);
  const words = r.reason && (!known || ["Invalid", "Rejected", "other"].includes(r.code)) ? said(r.reason) : "";
  return [known ? t(`code.${r.code}`) : words, " ", h("code", { class: "muted" }, r.code), known && words ? h("span", { class: "sub" }, words) : null];
}

// finder tells whether a recipient is looked for: by the reference, the masked number, the last digits, or a whole number, of which
// only what is not masked can be compared.
export function finder(text) {
  const word = text.trim().toLowerCase();
  const digits = word.replace(/[\s.-]/g, "").replace(/^\+82/, "0");
  const isNumber = /^\d+$/.test(digits);
  return (r) => {
    if (!word || r.reference?.toLowerCase().includes(word) || r.to.includes(word)) return true;
    if (!isNumber) return false;
    const [first, last] = [r.to.split("*")[0], r.to.split("*").at(-1)];
    return digits.length <= last.length ? last.endsWith(digits) : digits.endsWith(last) && (digits.length < 9 || digits.startsWith(first));
  };
}
