// The list of messages.
import { h, keyed, put, show } from "./dom.js";
import { t } from "./i18n.js";
import { between, clock, moment, number } from "./format.js";
import { get, query } from "./api.js";
import { channel, empty, failure, pager, searchBox, status } from "./parts.js";

const filters = ["", "open", "delivered", "partial", "failed", "expired", "cancelled"];

export function messages({ query: q, go, signal }) {
  let values;
  const body = h("tbody", {});
  const state = h("div", {});
  const pages = h("div", {});
  const table = h("table", { class: "list-table" },
    h("thead", {}, h("tr", {}, ["status", "message", "channel", "recipients", "created", "took"].map((name) => h("th", { scope: "col" }, t(`messages.${name}`))))),
    body);
  const tabs = h("div", { class: "filters", role: "group", "aria-label": t("messages.filter") });
  const node = h("div", { class: "page" },
    h("header", { class: "page-head" }, h("h1", {}, t("nav.messages"))),
    h("div", { class: "bar" }, searchBox(t("messages.search"), q.get("q") ?? "", (text) => go(`/messages${query({ ...values, q: text, before: "" })}`, { replace: true })), tabs),
    state, table, pages);
  take(q);

  function take(next) {
    values = { q: next.get("q") ?? "", status: next.get("status") ?? "", before: next.get("before") ?? "" };
    put(tabs, filters.map((name) =>
      h("a", { href: `/messages${query({ ...values, status: name, before: "" })}`, "aria-current": name === values.status ? "true" : null },
        t(name === "" ? "messages.all" : name === "open" ? "messages.open" : `status.${name}`))));
  }

  function row(m) {
    const results = ["delivered", "pending", "failed", "unknown"].filter((name) => m.results?.[name]);
    return h("tr", {},
      h("td", {}, status(m.status), m.parked ? h("span", { class: "sub" }, t(`parked.${m.parked.cause}`)) : null,
        m.status === "scheduled" ? h("span", { class: "sub" }, clock(m.sendAt)) : null),
      h("th", { scope: "row" }, h("a", { href: `/messages/${m.id}` }, m.reference || m.template || t("messages.text")),
        h("span", { class: "sub id" }, m.id)),
      h("td", { "data-label": t("messages.channel") }, channel(m.channel), m.channel === "alimtalk" && m.last?.sms ? [" → ", channel("sms")] : null,
        m.reference && m.template ? h("span", { class: "sub" }, m.template) : null),
      h("td", { "data-label": t("messages.recipients") },
        m.recipients === 1 ? number(1) : results.length ? results.map((name) => h("span", { class: "tally", "data-status": name }, `${t(`status.${name}`)} ${number(m.results[name])}`)) : number(m.recipients)),
      h("td", { "data-label": t("messages.created") }, h("time", { datetime: m.created, title: moment(m.created) }, clock(m.created))),
      h("td", { "data-label": t("messages.took") }, m.settled ? between(m.created, m.settled) : "–"));
  }

  async function refresh() {
    try {
      const found = await get(`/inbox/messages${query(values)}`, signal);
      keyed(body, found.items, (m) => m.id, row);
      table.hidden = !found.items.length;
      show(state, found.items.length ? null : values, () => (values.q || values.status ? empty(t("inbox.none.found"), t("messages.none.filter")) : empty(t("messages.none"), t("inbox.none.text"))));
      show(pages, found.total ? { values, total: found.total, next: found.next } : null, () => pager("/messages", values, found));
    } catch (error) {
      if (error.name !== "AbortError") show(state, { failure: error.message }, () => failure(error));
    }
  }

  return {
    title: () => t("nav.messages"),
    node,
    refresh,
    move(_, next) {
      take(next);
    },
  };
}
