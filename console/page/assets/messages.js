// The list of messages.
import { h, keyed, put, show } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { between, clock, moment, number } from "./format.js";
import { get, query } from "./api.js";
import { nameOf, templateNames } from "./templates.js";
import { arrows, channel, cursorPager, empty, failure, searchBox, status, statusOf, told, triedNext } from "./parts.js";

const filters = ["", "scheduled", "sending", "parked", "delivered", "partial", "failed", "expired", "cancelled"];

export function messages({ query: q, go, signal }) {
  let values;
  const body = h("tbody", {});
  const state = h("div", {});
  const pages = h("div", {});
  const table = h("table", { class: "list-table" },
    h("thead", {}, h("tr", {}, ["status", "message", "channel", "results", "created", "took"].map((name) => h("th", { scope: "col" }, t(`messages.${name}`))))),
    body);
  const tabs = h("div", { class: "filters", role: "group", "aria-label": t("messages.filter") });
  const node = h("div", { class: "page" },
    h("header", { class: "page-head" }, h("h1", {}, t("nav.messages"))),
    h("div", { class: "bar" }, searchBox(t("messages.search"), q.get("q") ?? "", (text) => go(`/messages${query({ ...values, q: text, cursor: "" })}`, { replace: true })), tabs),
    state, table, pages);
  arrows(body);
  take(q);

  function take(next) {
    values = { q: next.get("q") ?? "", status: next.get("status") ?? "", cursor: next.get("cursor") ?? "" };
    put(tabs, filters.map((name) =>
      h("a", { href: `/messages${query({ ...values, status: name, cursor: "" })}`, "aria-current": name === values.status ? "true" : null },
        // Where nobody has it for sure, and perhaps somebody, the API says "partial" as well.
        name === "partial" ? `${t("status.partial")} · ${t("status.unknown")}` : t(name === "" ? "messages.all" : `status.${name}`))));
  }

  function row(m) {
    const results = ["delivered", "pending", "failed", "unknown"].filter((name) => m.counts[name]);
    const people = results.reduce((sum, name) => sum + m.counts[name], 0);
    return h("tr", {},
      h("td", {}, status(statusOf(m)), m.parked ? [h("span", { class: "sub" }, t(`parked.${m.parked.cause}`)), h("span", { class: "sub" }, triedNext(m.parked))] : null,
        m.status === "scheduled" ? h("span", { class: "sub" }, clock(m.sendAt)) : null),
      h("th", { scope: "row" }, h("a", { href: `/messages/${m.id}` }, m.template ? nameOf(m.template) : t("messages.text")), " ",
        m.reference ? h("span", { class: "reference" }, m.reference) : null,
        m.recipients?.length ? h("span", { class: "sub heard" }, m.recipients.map((r) => `${r.to}: ${told(r)}`).join(" ")) : h("span", { class: "sub" }, whom(m, people))),
      h("td", { "data-label": t("messages.channel") }, channel(m.channel), m.channel === "alimtalk" && m.counts.fellBack ? [" → ", channel("sms")] : null),
      h("td", { class: "tallies", "data-label": t("messages.results") },
        people === 1 ? null : results.map((name) => h("span", { class: "tally", "data-status": name }, `${t(`status.${name}`)} ${number(m.counts[name])}`))),
      h("td", { "data-label": t("messages.created") }, h("time", { datetime: m.createdAt, title: moment(m.createdAt) }, clock(m.createdAt))),
      h("td", { "data-label": t("messages.took") }, m.settledAt ? between(m.createdAt, m.settledAt) : "–"));
  }

  // whom is for whom a message was: the first recipient, and how many others.
  function whom(m, people) {
    if (!m.first) return t("messages.people", { n: number(people) });
    return people > 1 ? t("messages.others", { first: m.first, n: number(people - 1) }) : m.first;
  }

  function askReason() {
    const reason = h("input", { type: "text", id: "reason", required: true, minlength: "3", maxlength: "200", autocomplete: "off" });
    const form = h("form", {
      class: "box", onsubmit: (event) => {
        event.preventDefault();
        sessionStorage.setItem("reason", reason.value.trim());
        refresh();
      },
    }, h("h2", {}, t("problem.reason-missing")), h("p", { class: "muted" }, t("problem.reason-missing.text")),
    h("div", { class: "field" }, h("label", { for: "reason" }, t("messages.reason")), reason), h("div", {}, h("button", { type: "submit", class: "primary" }, icon("search"), t("messages.reason.search"))));
    queueMicrotask(() => reason.focus());
    return form;
  }

  async function refresh() {
    try {
      // Whoever looks for a number says why, once a session.
      const digits = values.q.replace(/[^0-9]/g, "").length;
      const found = await get(`/inbox/messages${query({ ...values, reason: digits > 7 ? sessionStorage.getItem("reason") : "" })}`, signal);
      await templateNames();
      keyed(body, found.items, (m) => m.id, row);
      table.hidden = !found.items.length;
      show(state, found.items.length ? null : values, () => (values.q || values.status ? empty(t("inbox.none.found"), t("messages.none.filter")) : empty(t("messages.none"), t("inbox.none.text"))));
      show(pages, found.next || values.cursor ? { values, next: found.next } : null, () => cursorPager("/messages", values, found.next));
    } catch (error) {
      if (error.name === "AbortError") return;
      table.hidden = true;
      show(pages, null);
      if (error.type === "reason-missing") show(state, { reason: true }, askReason);
      else show(state, { failure: error.message }, () => failure(error));
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
