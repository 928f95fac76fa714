// Counts, usage and cost.
import { h, put } from "./dom.js";
import { t } from "./i18n.js";
import { number, percent, usd, won } from "./format.js";
import { get } from "./api.js";
import { channel, failure, status } from "./parts.js";
import { part } from "./system.js";

const order = ["scheduled", "sending", "parked", "delivered", "partial", "unknown", "failed", "expired", "cancelled"];

export function overview({ signal }) {
  const body = h("div", {});
  const node = h("div", { class: "page" }, h("header", { class: "page-head" }, h("div", {}, h("h1", {}, t("nav.overview")), h("p", { class: "muted" }, t(part("local") ? "overview.text" : "overview.newest")))), body);
  let drawn = "";

  async function refresh() {
    try {
      const [counts, used] = await Promise.all([get("/inbox/overview", signal), part("local") ? get("/inbox/usage", signal) : {}]);
      const o = { ...counts, ...used };
      const data = JSON.stringify(o);
      if (data !== drawn) draw(o);
      drawn = data;
    } catch (error) {
      if (error.name === "AbortError") return;
      put(body, failure(error));
      drawn = "";
    }
  }

  const figure = (name, value, note) => h("div", { class: "figure" }, h("dt", {}, t(`overview.${name}`)), h("dd", {}, value), note ? h("dd", { class: "about muted" }, note) : null);

  function bars(counts, of, label) {
    return h("ul", { class: "bars" }, counts.filter(([, n]) => n > 0).map(([name, n]) =>
      h("li", {}, label(name), bar(n / of), h("span", { class: "figure-small" }, `${number(n)} · ${percent(n, of)}`))));
  }

  function bar(part) {
    const filled = h("span", {});
    filled.style.width = `${Math.max(part * 100, 1)}%`;
    return h("span", { class: "track", "aria-hidden": "true" }, filled);
  }

  function draw(o) {
    const total = order.reduce((sum, name) => sum + (o.messages[name] ?? 0), 0);
    const people = Object.values(o.recipients).reduce((sum, n) => sum + n, 0);
    const tried = Object.values(o.last).reduce((sum, n) => sum + n, 0);
    put(body,
      h("dl", { class: "figures" },
        figure("messages", number(total), o.rejected === undefined ? null : t("overview.rejected", { n: number(o.rejected) })),
        figure("fallback", percent(o.fallbacks, o.fallbackOf), t("overview.fallback.of", { n: number(o.fallbacks), of: number(o.fallbackOf) })),
        o.usage ? figure("transitions", number(o.usage.transitions), t("overview.transitions.per", { n: o.usage.messages ? (o.usage.transitions / o.usage.messages).toFixed(1) : "–" })) : null,
        o.usage ? figure("invocations", number(o.usage.invocations)) : null,
        o.cost ? figure("aws", usd(o.cost.aws), t("overview.aws.text")) : null,
        o.cost ? figure("aligo", won(o.cost.aligo), t("overview.aligo.text")) : null,
        o.balance === undefined ? null : figure("balance", won(o.balance), t("overview.balance.text"))),
      h("div", { class: "columns" },
        h("section", { class: "box", "aria-labelledby": "by-status" }, h("h2", { id: "by-status" }, t("overview.status")),
          total ? bars(order.map((name) => [name, o.messages[name] ?? 0]), total, (name) => h("a", { href: `/messages?status=${name === "unknown" ? "partial" : name}` }, status(name))) : h("p", { class: "muted" }, t("messages.none"))),
        h("section", { class: "box", "aria-labelledby": "by-recipient" }, h("h2", { id: "by-recipient" }, t("overview.recipients")),
          people ? bars(Object.entries(o.recipients), people, (name) => status(name)) : h("p", { class: "muted" }, t("overview.none")),
          h("h3", {}, t("overview.channels")),
          tried ? bars(Object.entries(o.last), tried, (name) => channel(name)) : h("p", { class: "muted" }, t("overview.none")))),
      o.more ? h("p", { class: "muted" }, t("overview.more", { n: number(o.counted) })) : null,
      o.kept ? h("p", { class: "muted" }, t("overview.kept", { deliveries: number(o.kept.deliveries[0]), most: number(o.kept.deliveries[1]) })) : null);
  }

  return { title: () => t("nav.overview"), node, refresh };
}
