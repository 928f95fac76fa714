// One message: what became of it, and the way it took.
import { announce, h, keyed, put, show } from "./dom.js";
import { icon } from "./icons.js";
import { has, t } from "./i18n.js";
import { between, clock, duration, moment, number, span } from "./format.js";
import { call, get, Problem, query } from "./api.js";
import { channel, copyButton, empty, failure, jsonBlock, status, statusOf } from "./parts.js";
import { delivery } from "./bubble.js";
import { centre, graph, legend } from "./graph.js";
import { part } from "./system.js";

let machine = null;

export function message({ parameters: [id], signal }) {
  const note = h("div", {});
  const trouble = h("div", {});
  const body = h("div", { class: "detail" });
  const node = h("div", { class: "page wide" }, note, trouble, body);
  let title = t("message.title");
  let last = "";

  async function refresh() {
    try {
      machine ??= await get("/inbox/machine", signal);
      const [m, calls, arrived] = await Promise.all([
        get(`/inbox/messages/${encodeURIComponent(id)}`, signal),
        part("phones") ? known(`/inbox/calls${query({ message: id })}`) : null,
        part("phones") ? known(`/inbox/deliveries${query({ message: id, limit: 20 })}`) : null,
      ]);
      // A system with phones knows all calls, others those that were accepted.
      m.calls = calls ?? m.way?.calls.map((c) => ({ ...c, endpoint: t(`channel.${c.channel}`), certain: true, accepted: true })) ?? [];
      m.deliveries = arrived?.items ?? [];
      title = m.reference || m.template || t("message.title");
      const first = !body.firstChild;
      keyed(body, sections(m), (section) => section.name, (section) => section.draw());
      if (first) centre(body);
      show(trouble, null);
      if (last && last !== m.status) announce(`${title}: ${t(`status.${statusOf(m)}`)}`);
      last = m.status;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error instanceof Problem && error.status === 404) show(trouble, { none: id }, () => empty(t("message.none"), t("message.none.text"), h("p", {}, h("a", { href: "/messages" }, t("nav.messages")))));
      else show(trouble, { failure: error.message }, () => failure(error));
    }
  }

  // known is what is known of the message beside itself; a message that is not there has none of it.
  async function known(path) {
    try {
      return await get(path, signal);
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  }

  async function cancel(event) {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      await call("DELETE", `/inbox/messages/${encodeURIComponent(id)}`);
      put(note);
      announce(t("message.cancelled"));
    } catch (error) {
      put(note, failure(error));
      button.disabled = false;
    }
  }

  // sections are the parts of the view with the data that they show; each is drawn again only when those change.
  function sections(m) {
    const path = m.way?.visits.map((v) => [v.state, v.ended]);
    const section = (name, data, draw) => ({ name, data, draw });
    return [
      section("head", [m.id, title, m.status, m.cancellable], () => h("header", { class: "page-head" },
        h("div", { class: "grow" },
          h("p", { class: "crumb" }, h("a", { href: "/messages" }, t("nav.messages"))),
          h("h1", {}, title),
          h("p", { class: "idline" }, h("code", {}, m.id), copyButton(() => m.id))),
        h("div", { class: "actions" }, status(statusOf(m)),
          m.cancellable ? h("button", { type: "button", id: "cancel", class: "danger", onclick: cancel }, t(m.status === "parked" ? "message.cancel.parked" : "message.cancel")) : null))),
      ...(m.parked ? [section("parked", m.parked, () => parked(m.parked))] : []),
      section("facts", [m.sendAt, m.settledAt], () => facts(m)),
      section("people", [m.recipients, m.deliveries], () => h("div", { class: "columns" },
        h("section", { class: "box", "aria-labelledby": "recipients-title" }, h("h2", { id: "recipients-title" }, t("message.recipients", { n: m.recipients.length })), counts(m), recipients(m)),
        part("phones") ? h("section", { class: "box", "aria-labelledby": "received-title" }, h("h2", { id: "received-title" }, t("message.received")), received(m)) : null)),
      ...(m.way ? [
      section("graph", path, () => h("section", { class: "box", "aria-labelledby": "graph-title" },
        h("div", { class: "box-head" }, h("h2", { id: "graph-title" }, t("message.graph")), legend()), graph(machine, m.way))),
      section("way", [m.way, m.calls], () => h("section", { class: "box", "aria-labelledby": "way-title" },
        h("div", { class: "box-head" }, h("h2", { id: "way-title" }, t("message.way")), h("p", { class: "muted" }, t("message.transitions", { n: m.way.transitions }), m.way.stopped ? ` · ${between(m.way.started, m.way.stopped)}` : "")),
        timeline(m))),
      section("calls", [m.calls, path], () => h("section", { class: "box", "aria-labelledby": "calls-title" }, h("h2", { id: "calls-title" }, t("message.calls", { n: m.calls.length })), calls(m))),
      ] : [section("untold", m.untold, () => h("section", { class: "box" }, h("p", { class: "muted" }, m.untold ? m.untold.detail || m.untold.title : t("message.untold"))))]),
    ];
  }

  return { title: () => title, node, refresh };
}

function parked(p) {
  return h("div", { class: "failure warn", role: "status" }, icon("pause"),
    h("div", {}, h("strong", {}, `${t("status.parked")}: ${t(`parked.${p.cause}`)}`), h("p", {}, p.reason), h("p", { class: "muted" }, t("parked.wait", { wait: span((p.wait ?? 0) * 1000) }))));
}

function facts(m) {
  const fact = (name, value) => (value ? h("div", {}, h("dt", {}, t(`message.${name}`)), h("dd", {}, value)) : null);
  const at = (time) => (time ? h("time", { datetime: time }, moment(time)) : null);
  const fallback = !m.fallback ? null : !m.fallback.enabled ? t("message.fallback.off")
    : [t("message.fallback.on"), m.fallback.ownText ? t("message.fallback.text") : "", t("message.fallback.after", { after: duration(m.fallback.after) }), m.fallback.onUnknown === "sms" ? t("message.fallback.unknown") : ""].filter(Boolean).join(" · ");
  return h("dl", { class: "facts" },
    fact("channel", channel(m.channel)), fact("template", m.template), fact("reference", m.reference), fact("caller", m.caller),
    fact("created", at(m.createdAt)), fact("sendAt", at(m.sendAt)), fact("settled", at(m.settledAt)), fact("expires", at(m.expiresAt)),
    m.channel === "alimtalk" ? fact("fallback", fallback) : null);
}

const shownRecipients = 50;

function recipients(m) {
  const rows = (list) => list.map((r) => h("tr", {},
    h("th", { scope: "row", class: "number" }, r.to, r.reference ? h("span", { class: "sub" }, r.reference) : null),
    h("td", {}, status(r.status)),
    h("td", {}, r.channel ? channel(r.channel) : "–"),
    h("td", {}, (r.attempts ?? []).length > 1 ? r.attempts.map((a) => h("div", { class: "tried" }, channel(a.channel), " ", why(a))) : why(r)),
    h("td", {}, r.at ? h("time", { datetime: r.at, title: moment(r.at) }, clock(r.at)) : "–")));
  const body = h("tbody", {}, rows(m.recipients.slice(0, shownRecipients)));
  const left = m.recipients.length - shownRecipients;
  const more = left > 0 ? h("button", { type: "button", class: "quiet", onclick: () => { body.append(...rows(m.recipients.slice(shownRecipients))); more.remove(); } }, t("message.recipients.more", { n: left })) : null;
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "recipients-title" }, h("table", {}, h("thead", {}, h("tr", {}, ["number", "status", "channel", "reason", "at"].map((name) => h("th", { scope: "col" }, t(`message.recipient.${name}`))))), body), more);
}

// why is the code of a result in the reader's words, and the words that came with it where the code does not say it all.
function why(r) {
  if (!r.code) return r.reason || "–";
  const known = has(`code.${r.code}`);
  const words = r.reason && (!known || ["Invalid", "Rejected", "other"].includes(r.code)) ? r.reason : "";
  return [known ? t(`code.${r.code}`) : words, " ", h("code", { class: "sub" }, r.code), known && words ? h("span", { class: "sub" }, words) : null];
}

function counts(m) {
  const c = m.counts;
  return h("p", { class: "muted counts" }, t("message.recipients.counts", { delivered: number(c.delivered), failed: number(c.failed), unknown: number(c.unknown), pending: number(c.pending) }),
    c.fellBack ? ` · ${t("message.recipients.fellBack", { n: number(c.fellBack) })}` : "");
}

function received(m) {
  if (!m.deliveries.length) return h("p", { class: "muted" }, t("message.received.none"));
  return h("div", { class: "received" }, m.deliveries.map((d) => delivery(d, { toPhone: true })));
}

function timeline(m) {
  const { way } = m;
  return h("ol", { class: "timeline" },
    h("li", { class: "edge-of-time" }, h("span", { class: "point" }), h("div", {}, h("span", { class: "muted" }, t("way.started")), " ", h("time", { datetime: way.started }, moment(way.started)), data(`input`, t("way.message"), way.input))),
    way.visits.map((v, i) => visit(v, i, way, m.calls.filter((c) => c.visit === i))),
    way.stopped
      ? h("li", { class: "edge-of-time", "data-ended": way.error ? "failed" : "succeeded" }, h("span", { class: "point" }), h("div", {}, h("strong", {}, way.status), " ", h("time", { datetime: way.stopped }, clock(way.stopped)), way.error || way.cause ? h("p", { class: "error" }, [way.error, way.cause].filter(Boolean).join(": ")) : null))
      : h("li", { class: "edge-of-time", "data-ended": "running" }, h("span", { class: "point" }), h("div", { class: "muted" }, t("way.running"))),
    way.truncated ? h("li", { class: "muted" }, t("way.truncated")) : null);
}

function data(name, label, value) {
  const block = jsonBlock(label, value);
  if (block) block.dataset.name = name;
  return block;
}

function visit(v, i, way, made) {
  const took = v.exited ? between(v.entered, v.exited) : "";
  const tries = v.attempts ?? [];
  return h("li", { id: `visit-${i}`, tabindex: "-1", "data-ended": v.ended },
    h("span", { class: "point" }),
    h("div", { class: "visit" },
      h("div", { class: "visit-head" },
        h("h3", {}, v.state),
        h("span", { class: "ended" }, t(`ended.${v.ended}`)),
        h("span", { class: "when", title: moment(v.entered) }, `+${between(way.started, v.entered)}`),
        took ? h("span", { class: "took" }, v.type === "Wait" ? t("way.waited", { span: took }) : took) : null),
      v.error && tries.length === 0 ? h("p", { class: "error" }, [v.error, v.cause].filter(Boolean).join(": ")) : null,
      tries.length ? h("ul", { class: "attempts" }, tries.map((a, n) => attempt(a, n, tries))) : null,
      made.length ? h("ul", { class: "made" }, made.map((c) => h("li", {}, callLine(c)))) : null,
      h("div", { class: "datas" }, data(`in-${i}`, t("way.input"), v.input),
        tries.map((a, n) => data(`call-${i}-${n}`, tries.length > 1 ? `${t("way.parameters")} ${n + 1}` : t("way.parameters"), a.parameters)),
        data(`out-${i}`, t("way.output"), v.output))));
}

function attempt(a, n, all) {
  const pause = n > 0 && all[n - 1].stopped ? new Date(a.scheduled) - new Date(all[n - 1].stopped) : 0;
  return h("li", { "data-ended": a.ended },
    pause >= 1 ? h("p", { class: "muted" }, t("way.retry", { span: span(pause) })) : null,
    h("p", {}, all.length > 1 ? `${t("way.attempt", { n: n + 1 })} · ` : "", h("code", {}, a.resource), a.stopped ? ` · ${between(a.scheduled, a.stopped)}` : ` · ${t("ended.running")}`),
    a.error ? h("p", { class: "error" }, h("strong", {}, a.error), a.cause ? ` ${causeOf(a.cause)}` : "") : null);
}

// causeOf is the message inside what Lambda reports as a cause.
function causeOf(cause) {
  try {
    return JSON.parse(cause).errorMessage ?? cause;
  } catch {
    return cause;
  }
}

function callLine(c) {
  return [icon("next"), h("code", {}, c.endpoint), c.fault ? h("span", { class: "test" }, t(`fault.${c.fault}`)) : null,
    h("span", { class: "muted" }, c.code !== undefined ? t("calls.code", { code: c.code }) : t(c.accepted ? "calls.accepted" : "calls.nocode")),
    c.mid ? h("span", { class: "muted" }, `mid ${c.mid}`) : null];
}

function calls(m) {
  if (!m.calls.length) return h("p", { class: "muted" }, t("calls.none"));
  const uncertain = m.calls.some((c) => !c.certain);
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": "calls-title" },
    h("table", {},
      h("thead", {}, h("tr", {}, ["at", "endpoint", "state", "recipients", "answer", "mid"].map((name) => h("th", { scope: "col" }, t(`calls.${name}`))))),
      h("tbody", {}, m.calls.map((c) => h("tr", {},
        h("td", {}, h("time", { datetime: c.at, title: moment(c.at) }, clock(c.at))),
        h("th", { scope: "row" }, h("code", {}, c.endpoint), c.certain ? null : h("span", { title: t("calls.uncertain") }, " *")),
        h("td", {}, c.visit < 0 ? "–" : h("a", { href: `#visit-${c.visit}` }, m.way.visits[c.visit].state)),
        h("td", {}, c.recipients ? number(c.recipients) : "–"),
        h("td", {}, c.code ?? (c.accepted ? null : t("calls.nocode")), c.fault ? h("span", { class: "sub" }, t(`fault.${c.fault}`)) : null, c.accepted ? h("span", { class: "sub" }, t("calls.accepted")) : null),
        h("td", {}, c.mid ?? "–"))))),
    uncertain ? h("p", { class: "muted" }, `* ${t("calls.uncertain")}`) : null);
}
