// One campaign: what its file would come to, how far it is, and what can be done about it.
import { said } from "./details.js";
import { announce, h, keyed, put, show } from "./dom.js";
import { icon } from "./icons.js";
import { has, t } from "./i18n.js";
import { between, clock, moment, number, percent, span, won } from "./format.js";
import { call, get, Problem, query } from "./api.js";
import { channel, copyButton, empty, failure, status, sure, triedNext } from "./parts.js";
import { bubble } from "./bubble.js";
import { nameOf, templateNames } from "./templates.js";
import { campaignStatus, campaignTitle } from "./campaigns.js";

// What can be ordered in which status.
const orders = {
  "awaiting-file": ["cancel"], planning: ["cancel"], planned: ["start", "cancel"], sending: ["pause", "cancel"], parked: ["pause", "cancel"],
  paused: ["resume", "cancel"],
};

// Reasons of lists, and those in which values stand, by how the API says them: rows are told together that are refused for one of them.
const refusals = [
  ["no-zero", /^lacks the 0/], ["exponent", /^is written with an exponent/], ["duplicate", /^is the same number as/], ["not-a-number", /^is not a Korean telephone number: it (?!lacks)/], ["fields", /^has \d+ fields, and the header has/],
  ["character", /^has a character in field/], ["long", /^has \d+ (characters|bytes)/],
];

// mostRows is how many row numbers of a refusal are shown.
const mostRows = 12;
const mostMessages = 20;

export function campaign({ parameters: [id], refresh, signal }) {
  const path = `/inbox/campaigns/${encodeURIComponent(id)}`;
  const note = h("div", {});
  const trouble = h("div", {});
  const body = h("div", { class: "detail" });
  const node = h("div", { class: "page" }, note, trouble, body);
  let title = t("campaign.title");
  let last = "";
  let sender = "";

  async function read() {
    try {
      await templateNames();
      sender ||= (await get("/inbox/system", signal)).channelName ?? "";
      const c = await get(path, signal);
      // The messages of a campaign are listed a moment after they were handed out.
      const sent = c.counts.accepted ? (await get(`/inbox/messages${query({ campaign: id, limit: mostMessages })}`, signal)).items : [];
      const waits = c.parked ? (await get(`/inbox/messages${query({ campaign: id, status: "parked", limit: 1 })}`, signal)).items[0] : null;
      title = campaignTitle(c);
      keyed(body, sections(c, sent, waits), (section) => section.name, (section) => draws[section.name](section.data));
      show(trouble, null);
      if (last && last !== c.status) announce(`${title}: ${t(`campaign.status.${c.status}`)}`);
      last = c.status;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof Problem && error.status === 404) show(trouble, { none: id }, () => empty(t("problem.campaign-not-found"), t("campaign.none.text"), h("p", {}, h("a", { href: "/campaigns" }, t("nav.campaigns")))));
      else show(trouble, { failure: error.message }, () => failure(error));
    }
  }

  // sections are what is shown, each with the data that it is drawn from.
  function sections(c, sent, waits) {
    const { plan, counts, report, endsAt, waitsUntil, parked, ...head } = c;
    // What changes all the time is not in the data of what is pressed.
    const all = [{ name: "head", data: { ...head, plan: plan && { valid: plan.valid, priceKRW: plan.priceKRW, priceAtMostKRW: plan.priceAtMostKRW }, left: (plan?.valid ?? 0) > counts.accepted } }];
    if (c.status === "awaiting-file" || c.status === "planning" || parked) all.push({ name: "hint", data: { status: c.status, parked, cause: waits?.parked?.cause, message: waits?.id } });
    if (c.startedAt && plan) all.push({ name: "progress", data: { counts, valid: plan.valid, endsAt, waitsUntil, report } });
    if (plan) all.push({ name: "plan", data: { plan, status: c.status } });
    if (plan && (plan.errors.length || plan.refused)) all.push({ name: "refused", data: plan });
    if (plan?.examples.length) all.push({ name: "examples", data: { examples: plan.examples, channel: c.channel } });
    if (sent.length) all.push({ name: "messages", data: sent });
    return all;
  }

  const draws = { head, hint, progress, plan: planned, refused, examples, messages };

  const fact = (name, value) => (value ? [h("div", {}, h("dt", {}, t(`campaign.${name}`)), h("dd", {}, value))] : []);
  const at = (time) => time && h("time", { datetime: time }, moment(time));
  const figure = (name, value, about) => h("div", { class: "figure" }, h("dt", {}, t(`campaign.plan.${name}`)), h("dd", {}, value), about ? h("dd", { class: "about muted" }, about) : null);

  function head(c) {
    const allowed = (orders[c.status] ?? []).filter((order) => order !== "pause" || c.left).filter((order) => order !== "cancel" || !c.settledAt);
    return h("header", { class: "detail" },
      h("a", { class: "crumb", href: "/campaigns" }, t("nav.campaigns")),
      h("div", { class: "page-head" },
        h("div", { class: "grow" }, h("h1", {}, campaignTitle(c)), h("p", { class: "idline" }, h("code", {}, c.id), copyButton(() => c.id))),
        h("div", { class: "actions orders" }, campaignStatus(c.status), allowed.map((order) => button(order, c)))),
      h("dl", { class: "facts" },
        fact("channel", channel(c.channel)), fact("template", c.template && [nameOf(c.template), nameOf(c.template) === c.template ? null : h("span", { class: "muted" }, ` ${c.template}`)]), fact("created", at(c.createdAt)), fact("sendAt", at(c.sendAt)), fact("started", at(c.startedAt)),
        fact("settled", at(c.settledAt)), fact("expires", at(c.expiresAt)), fact("rate", t("campaign.rate.value", { n: number(c.rate) }))));
  }

  function button(order, c) {
    const kinds = { start: "primary", cancel: "danger" };
    const said = { n: number(c.plan?.valid ?? 0), price: won(c.plan?.priceKRW ?? 0), most: won(c.plan?.priceAtMostKRW ?? 0) };
    return sure(t(`campaign.${order}`), t(`campaign.${order}.sure`, said), async () => {
      await call("POST", `${path}/${order}`);
      put(note);
    }, (error) => {
      put(note, error.errors?.length ? problems(error) : failure(error));
      note.scrollIntoView({ block: "nearest" });
    }, { kind: kinds[order], after: refresh });
  }

  function problems(error) {
    return h("div", { class: "failure", role: "alert" }, icon("cross"), h("div", {}, h("strong", {}, error.title || error.message),
      h("ul", {}, error.errors.map((e) => h("li", {}, h("code", {}, e.pointer || "/"), ` ${e.detail}`)))));
  }

  function hint({ status: name, parked, cause, message: id }) {
    const words = cause ? [h("a", { href: `/messages/${id}` }, t(`parked.${cause}`)), " · ", t(`repair.${cause}`)] : said(parked);
    return h("div", { class: parked ? "failure warn" : "failure calm", role: "status" }, icon(parked ? "pause" : "clock"),
      h("div", {}, h("strong", {}, t(parked ? "campaign.parked" : `campaign.status.${name}`)), h("p", {}, parked ? words : t(`campaign.hint.${name}`)),
        parked ? h("p", {}, t("campaign.parked.text")) : null));
  }

  function progress({ counts, valid, endsAt, waitsUntil, report }) {
    const done = valid ? counts.accepted / valid : 0;
    const filled = h("span", {});
    filled.style.width = `${done * 100}%`;
    const results = ["delivered", "failed", "unknown", "pending"].filter((result) => counts[result] || result === "delivered");
    return h("section", { class: "box", "aria-labelledby": "progress-title" },
      h("div", { class: "box-head" }, h("h2", { id: "progress-title" }, t("campaign.progress")),
        report ? h("a", { class: "button", href: report.url, download: true }, icon("docs"), t("campaign.report")) : null),
      h("div", { class: "track tall", role: "progressbar", "aria-labelledby": "progress-title", "aria-valuemin": "0", "aria-valuemax": String(valid), "aria-valuenow": String(counts.accepted) }, filled),
      h("p", {}, t("campaign.progress.accepted", { n: number(counts.accepted), of: number(valid) }), endsAt ? ` · ${t("campaign.progress.ends", { at: clock(endsAt) })}` : ""),
      waitsUntil ? h("p", { class: "muted" }, t("campaign.progress.waits", { at: clock(waitsUntil) })) : null,
      h("ul", { class: "bars" }, results.map((result) => bar(status(result), counts[result], counts.accepted))),
      h("h3", {}, t("campaign.progress.by")),
      h("ul", { class: "bars" }, ["alimtalk", "sms"].map((c) => bar(channel(c), counts.by[c], counts.accepted))),
      counts.fellBack ? h("p", { class: "muted" }, t("campaign.progress.fellBack", { n: number(counts.fellBack) })) : null);
  }

  function bar(label, n, of) {
    const filled = h("span", {});
    filled.style.width = `${of ? (n / of) * 100 : 0}%`;
    return h("li", {}, label, h("span", { class: "track", "aria-hidden": "true" }, filled), h("span", { class: "figure-small" }, `${number(n)} · ${percent(n, of)}`));
  }

  function planned({ plan, status }) {
    const over = ["cancelled", "settled"].includes(status);
    const wallet = plan.walletSuffices === undefined ? "unknown" : plan.walletSuffices ? "yes" : "no";
    return h("section", { class: "box", "aria-labelledby": "plan-title" }, h("h2", { id: "plan-title" }, t("campaign.plan")),
      // A file that could not be read may be of no format.
      h("p", { class: "muted" }, [plan.format ? t(`campaign.format.${plan.format}`) : null, plan.encoding?.toUpperCase(), plan.delimiter ? t(`campaign.delimiter.${{ ",": "comma", ";": "semicolon", "\t": "tab" }[plan.delimiter]}`) : null].filter(Boolean).join(" · ")),
      h("dl", { class: "figures" },
        figure("valid", number(plan.valid), t("campaign.plan.of", { n: number(plan.rows) })),
        figure("refused", number(plan.refused)),
        plan.duplicates ? figure("duplicates", number(plan.duplicates)) : null,
        plan.optedOut ? figure("optedOut", number(plan.optedOut)) : null,
        figure("price", won(plan.priceKRW), plan.priceAtMostKRW > plan.priceKRW ? t("campaign.plan.most", { most: won(plan.priceAtMostKRW) }) : t("campaign.plan.list")),
        figure("seconds", plan.seconds ? span(plan.seconds * 1000) : t("campaign.plan.moment"), t("campaign.plan.messages", { n: number(plan.messages) }))),
      (over ? [] : plan.limits ?? []).map((l) => h("p", { class: "error" }, t("campaign.limit", { limit: t(`limit.${l.limit}`), max: number(l.max), n: number(l.recipients) }),
        l.rows ? ` ${t("campaign.limit.rows", { rows: l.rows.join(", "), more: l.recipients > l.rows.length ? "…" : "" })}` : null)),
      plan.valid && !over ? h("p", { class: wallet === "no" ? "error" : "muted" }, t(`campaign.wallet.${wallet}`)) : null);
  }

  function refused(plan) {
    const groups = new Map();
    for (const e of plan.errors) {
      const [word] = refusals.find(([, pattern]) => pattern.test(e.detail)) ?? [];
      const key = `${e.pointer} ${word ?? e.detail}`;
      const group = groups.get(key) ?? { word, pointer: e.pointer, detail: e.detail, rows: [] };
      groups.set(key, group);
      if (e.row && !group.rows.includes(e.row)) group.rows.push(e.row);
    }
    const field = (pointer) => pointer.replace("/variables/", "").replace("/columns", "").replace(/^\//, "").replaceAll("~1", "/").replaceAll("~0", "~");
    const named = (pointer) => (has(`campaign.field.${field(pointer)}`) ? t(`campaign.field.${field(pointer)}`) : field(pointer));
    const rows = (list) => list.slice(0, mostRows).map(number).join(", ") + (list.length > mostRows ? ` ${t("campaign.refused.more", { n: number(list.length - mostRows) })}` : "");
    return h("section", { class: "box", "aria-labelledby": "refused-title" },
      h("div", { class: "box-head" }, h("h2", { id: "refused-title" }, t("campaign.refused")), plan.errorsUrl ? h("a", { class: "button", href: plan.errorsUrl, download: true }, icon("docs"), t("campaign.refused.all")) : null),
      h("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "refused-title" }, h("table", { class: "fit" },
        h("thead", {}, h("tr", {}, ["field", "reason", "rows"].map((name) => h("th", { scope: "col" }, t(`campaign.refused.${name}`))))),
        h("tbody", {}, [...groups.values()].map((g) => h("tr", {},
          h("th", { scope: "row" }, named(g.pointer) || t("campaign.field.row")),
          h("td", {}, g.word ? t(`campaign.refusal.${g.word}`) : said(g.detail)),
          h("td", { class: "number" }, g.rows.length ? rows(g.rows) : t("campaign.refused.file"))))))),
      plan.errors.length >= 100 ? h("p", { class: "muted" }, t("campaign.refused.first", { n: number(plan.errors.length) })) : null);
  }

  function examples({ examples: all, channel: by }) {
    return h("section", { class: "box", "aria-labelledby": "examples-title" }, h("h2", { id: "examples-title" }, t("campaign.examples")),
      h("div", { class: "received", tabindex: "0", role: "group", "aria-labelledby": "examples-title" }, all.map((e) => h("div", { class: "delivery" }, bubble({ channel: by, from: by === "alimtalk" ? sender : "", text: e.text }), h("footer", {}, h("span", { class: "number" }, e.to))))));
  }

  function messages(all) {
    return h("section", { class: "box", "aria-labelledby": "messages-title" }, h("h2", { id: "messages-title" }, t("campaign.messages")), h("p", { class: "muted" }, t("campaign.messages.text", { n: number(mostMessages) })),
      h("ul", { class: "plain rows-plain" }, all.map((m) => h("li", { class: "item" },
        h("div", { class: "grow" }, status(m.status), " ", h("a", { href: `/messages/${m.id}` }, h("code", {}, m.id)), m.parked ? h("p", {}, t(`parked.${m.parked.cause}`), " · ", triedNext(m.parked)) : null),
        h("span", { class: "tallies" }, ["delivered", "failed", "unknown", "pending"].filter((name) => m.counts[name]).map((name) => h("span", { class: "tally", "data-status": name }, `${t(`status.${name}`)} ${number(m.counts[name])}`))),
        h("span", { class: "muted" }, m.settledAt ? between(m.createdAt, m.settledAt) : clock(m.createdAt))))));
  }

  return { title: () => title, node, refresh: read };
}
