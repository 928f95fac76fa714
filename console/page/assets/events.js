// The events on the system's bus.
import { h, keyed, show } from "./dom.js";
import { said } from "./details.js";
import { t } from "./i18n.js";
import { clock, moment } from "./format.js";
import { get, query } from "./api.js";
import { arrows, empty, failure, jsonBlock, pager, status, statusOf } from "./parts.js";

export function events({ query: q, signal }) {
  const before = q.get("before") ?? "";
  const list = h("ol", { class: "log" });
  const state = h("div", {});
  const pages = h("div", {});
  const node = h("div", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, t("nav.events")), h("p", { class: "muted" }, t("events.text")))), state, list, pages);

  arrows(list);

  function row(e) {
    const rejected = e.detailType === "MessageRejected";
    const about = e.detail?.reference ?? e.detail?.id ?? e.detail?.idempotencyKey ?? e.id;
    return h("li", {},
      h("span", { class: "event", "data-type": e.detailType }, e.detailType),
      h("span", { class: "muted" }, e.source),
      h("span", { class: "about" }, e.message ? h("a", { href: `/messages/${e.message}` }, about) : about, " ", e.message && e.detail.status ? status(statusOf(e.detail)) : null),
      h("time", { datetime: e.time, title: moment(e.time) }, clock(e.time)),
      jsonBlock(t("events.detail"), e.detail),
      rejected ? h("ul", { class: "plain" }, (e.detail.errors ?? [{ pointer: "", detail: e.detail.detail ?? e.detail.title }]).map((x) => h("li", { class: "error" }, x.pointer ? h("code", {}, x.pointer) : null, ` ${said(x.detail)}`))) : null);
  }

  async function refresh() {
    try {
      const found = await get(`/inbox/events${query({ before })}`, signal);
      keyed(list, found.items, (e) => e.number, row);
      list.hidden = !found.items.length;
      show(state, found.items.length ? null : { before }, () => empty(t("events.none"), t("events.none.text")));
      show(pages, found.total ? { total: found.total, next: found.next } : null, () => pager("/events", { before }, found));
    } catch (error) {
      if (error.name !== "AbortError") show(state, { failure: error.message }, () => failure(error));
    }
  }

  return { title: () => t("nav.events"), node, refresh };
}
