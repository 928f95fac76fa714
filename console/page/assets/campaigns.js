// The list of campaigns.
import { h, keyed, show } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { clock, moment, number } from "./format.js";
import { get, query } from "./api.js";
import { arrows, channel, cursorPager, empty, failure } from "./parts.js";
import { nameOf, templateNames } from "./templates.js";

// What a campaign's status looks like: as that of a message which is as far.
const looks = {
  "awaiting-file": ["pending", "clock"], planning: ["sending", "dots"], invalid: ["failed", "cross"], planned: ["scheduled", "check"],
  sending: ["sending", "dots"], paused: ["partial", "pause"], parked: ["parked", "pause"], cancelled: ["cancelled", "cross"],
  settled: ["delivered", "check"],
};

// campaignStatus is a campaign's status as a pill.
export function campaignStatus(name) {
  const [look, drawing] = looks[name] ?? ["pending", "question"];
  return h("span", { class: "status", "data-status": look, "data-campaign": name }, icon(drawing), t(`campaign.status.${name}`));
}

// campaignTitle is what a campaign is called.
export const campaignTitle = (c) => c.reference || nameOf(c.template) || t("messages.text");

export function campaigns({ query: q, signal }) {
  let cursor = "";
  const body = h("tbody", {});
  const state = h("div", {});
  const pages = h("div", {});
  const table = h("table", { class: "list-table", hidden: true },
    h("thead", {}, h("tr", {}, ["status", "name", "sends", "recipients", "created"].map((name) => h("th", { scope: "col" }, t(`campaigns.${name}`))))),
    body);
  const write = h("a", { class: "button", href: "/campaigns/new" }, icon("plus"), t("campaigns.new"));
  const node = h("div", { class: "page" },
    h("header", { class: "page-head" }, h("div", { class: "grow" }, h("h1", {}, t("nav.campaigns")), h("p", { class: "muted" }, t("campaigns.text"))), write),
    state, table, pages);
  arrows(body);
  take(q);

  function take(next) {
    cursor = next.get("cursor") ?? "";
  }

  function row(c) {
    const results = ["delivered", "failed", "unknown", "pending"].filter((name) => c.counts[name]);
    return h("tr", {},
      h("td", {}, campaignStatus(c.status), c.status === "planned" && c.sendAt ? h("span", { class: "sub" }, clock(c.sendAt)) : null),
      h("th", { scope: "row" }, h("a", { href: `/campaigns/${c.id}` }, campaignTitle(c)), h("span", { class: "sub id" }, c.id)),
      h("td", { "data-label": t("campaigns.sends") }, channel(c.channel), c.reference && c.template ? h("span", { class: "sub" }, nameOf(c.template)) : null),
      h("td", { "data-label": t("campaigns.recipients") }, c.counts.rows ? t("campaigns.rows", { n: number(c.counts.rows) }) : "–",
        results.length ? h("span", { class: "tallies" }, results.map((name) => h("span", { class: "tally", "data-status": name }, `${t(`status.${name}`)} ${number(c.counts[name])}`))) : null),
      h("td", { "data-label": t("campaigns.created") }, h("time", { datetime: c.createdAt, title: moment(c.createdAt) }, clock(c.createdAt))));
  }

  async function refresh() {
    try {
      await templateNames();
      const found = await get(`/inbox/campaigns${query({ cursor })}`, signal);
      keyed(body, found.items, (c) => c.id, row);
      table.hidden = !found.items.length;
      show(state, found.items.length ? null : { cursor }, () => empty(t("campaigns.none"), t("campaigns.none.text")));
      show(pages, found.next || cursor ? { cursor, next: found.next } : null, () => cursorPager("/campaigns", { cursor }, found.next));
    } catch (error) {
      if (error.name === "AbortError") return;
      table.hidden = true;
      show(pages, null);
      show(state, { failure: error.message }, () => failure(error));
    }
  }

  return {
    title: () => t("nav.campaigns"),
    node,
    refresh,
    move(_, next) {
      take(next);
    },
  };
}
