// One message: what became of it, and the way it took.
import { announce, h, keyed, put, show } from "./dom.js";
import { icon } from "./icons.js";
import { said } from "./details.js";
import { has, t } from "./i18n.js";
import { between, clock, duration, moment, number, span } from "./format.js";
import { call, get, Problem, query, reader } from "./api.js";
import { channel, copyButton, empty, failure, jsonBlock, status, statusOf, sure, triedNext } from "./parts.js";
import { delivery } from "./bubble.js";
import { callLine, calls, groups } from "./calls.js";
import { recipients } from "./recipients.js";
import { nameOf, templateNames } from "./templates.js";
import { centre, graph, legend } from "./graph.js";
import { part } from "./system.js";

let machine = null;

export function message({ parameters: [id], refresh: again, signal }) {
  const note = h("div", {});
  const trouble = h("div", {});
  const body = h("div", { class: "detail" });
  const node = h("div", { class: "page wide" }, note, trouble, body);
  const people = recipients();
  const way = folded();
  const phones = part("phones") ? received() : null;
  const read = reader(signal);
  let drawn = [];
  let title = t("message.title");
  let last = "";

  // A link into the way opens it first.
  node.addEventListener("click", (event) => {
    if (event.target.closest?.("a")?.getAttribute("href")?.startsWith("#visit-")) way.open();
  });

  async function refresh() {
    try {
      machine ??= await get("/inbox/machine", signal);
      const parts = await Promise.all([
        read(`/inbox/messages/${encodeURIComponent(id)}`),
        part("phones") ? known(`/inbox/calls${query({ message: id })}`) : null,
        part("phones") ? known(`/inbox/deliveries${query({ message: id, limit: 20 })}`) : null,
      ]);
      show(trouble, null);
      // Of what happens elsewhere nothing is to be drawn here.
      if (parts.every((x, i) => x === drawn[i]) && drawn.length) return;
      drawn = parts;
      const [plain, made, arrived] = parts;
      // A system with phones knows all calls, others those that were accepted.
      const m = { ...plain, deliveries: arrived?.items ?? [] };
      m.calls = made ?? m.way?.calls.map((c) => ({ ...c, endpoint: t(`channel.${c.channel}`), certain: true, accepted: true })) ?? [];
      if (m.template) await templateNames();
      title = m.reference || nameOf(m.template) || t("messages.text");
      const first = !body.firstChild;
      people.draw(m);
      way.draw(m);
      phones?.draw(m);
      keyed(body, sections(m), (section) => section.name, (section) => section.draw());
      if (first) {
        centre(body);
        if (location.hash.startsWith("#visit-")) {
          way.open();
          document.getElementById(location.hash.slice(1))?.scrollIntoView();
        }
      }
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
      return await read(path);
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  }

  function cancel(m) {
    const button = sure(t(m.status === "parked" ? "message.cancel.parked" : "message.cancel"), t("message.cancel.sure"), async () => {
      await call("DELETE", `/inbox/messages/${encodeURIComponent(id)}`);
      put(note);
    }, (error) => put(note, failure(error)), { kind: "danger", after: again });
    button.id = "cancel";
    return button;
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
          m.cancellable ? cancel(m) : null))),
      ...(m.parked ? [section("parked", m.parked, () => parked(m.parked))] : []),
      section("facts", [m.sendAt, m.settledAt], () => facts(m)),
      // The list of recipients and the way draw themselves, only what has changed of them.
      section("people", few(m), () => h("div", { class: few(m) ? "columns" : "stack" }, people.node, phones?.node)),
      ...(m.way ? [
      section("graph", path, () => h("section", { class: "box", "aria-labelledby": "graph-title" },
        h("div", { class: "box-head" }, h("h2", { id: "graph-title" }, t("message.graph")), legend()), graph(machine, m.way))),
      section("way", true, () => way.node),
      section("calls", [m.calls, path], () => h("section", { class: "box", "aria-labelledby": "calls-title" }, h("h2", { id: "calls-title" }, t("message.calls", { n: m.calls.length })), calls(m))),
      ] : [section("untold", m.untold, () => h("section", { class: "box" }, h("p", { class: "muted" }, m.untold ? new Problem(m.untold.status, m.untold).message : t("message.untold"))))]),
    ];
  }

  return { title: () => title, node, refresh };
}

function parked(p) {
  // Where the reason has words of the page's, they are Aligo's answer, and what to do is said before them.
  const reason = said(p.reason);
  const repair = reason !== p.reason && has(`repair.${p.cause}`) ? t(`repair.${p.cause}`) : "";
  return h("div", { class: "failure warn", role: "status" }, icon("pause"),
    h("div", {}, h("strong", {}, `${t("status.parked")}: ${t(`parked.${p.cause}`)}`), repair ? h("p", {}, repair) : null, h("p", { class: repair ? "muted" : "" }, reason),
      h("p", { class: "muted" }, t("parked.goes"), " ", triedNext(p))));
}

function facts(m) {
  const fact = (name, value) => (value ? h("div", {}, h("dt", {}, t(`message.${name}`)), h("dd", {}, value)) : null);
  const at = (time) => (time ? h("time", { datetime: time }, moment(time)) : null);
  const fallback = !m.fallback ? null : !m.fallback.enabled ? t("message.fallback.off")
    : [t("message.fallback.on"), m.fallback.ownText ? t("message.fallback.text") : "", t("message.fallback.after", { after: duration(m.fallback.after) }), m.fallback.onUnknown === "sms" ? t("message.fallback.unknown") : ""].filter(Boolean).join(" · ");
  return h("dl", { class: "facts" },
    fact("channel", channel(m.channel)), fact("template", m.template && nameOf(m.template) !== m.template ? [nameOf(m.template), " ", h("code", { class: "muted" }, m.template)] : m.template), fact("reference", m.reference), fact("caller", m.caller),
    fact("created", at(m.createdAt)), fact("sendAt", at(m.sendAt)), fact("settled", at(m.settledAt)), fact("expires", at(m.expiresAt)),
    m.channel === "alimtalk" ? fact("fallback", fallback) : null);
}

// received are the phones on which a message has arrived, the newest first. Of many recipients they open on demand.
function received() {
  let drawn = false;
  const list = h("div", { class: "received", hidden: true });
  const none = h("p", { class: "muted" }, t("message.received.none"));
  const node = h("details", { class: "box folded" }, h("summary", {}, h("h2", { id: "received-title" }, t("message.received"))), none, list);
  return {
    node,
    draw(m) {
      if (!drawn) node.open = few(m);
      drawn = true;
      none.hidden = m.deliveries.length > 0;
      list.hidden = !none.hidden;
      keyed(list, m.deliveries, (d) => d.number, (d) => delivery(d, { toPhone: true }));
    },
  };
}

// few says that a message has so few recipients that all that is known of it can be seen at once.
const few = (m) => m.recipients.length <= 10;

// folded is the way as a box that opens on demand, and by itself for few recipients. What is not open is not drawn.
function folded() {
  let m = null;
  const about = h("span", { class: "muted" });
  const list = h("ol", { class: "timeline" });
  const node = h("details", { class: "box folded", id: "way" }, h("summary", {}, h("h2", { id: "way-title" }, t("message.way")), about), list);
  const fill = () => keyed(list, node.open && m ? timeline(m) : [], (entry) => entry.name, (entry) => entry.draw());
  node.addEventListener("toggle", fill);
  return {
    node,
    draw(next) {
      if (!next.way) return;
      if (!m) node.open = few(next);
      m = next;
      about.textContent = [t("message.transitions", { n: number(m.way.transitions) }), m.way.stopped ? between(m.way.started, m.way.stopped) : ""].filter(Boolean).join(" · ");
      fill();
    },
    open() {
      node.open = true;
      fill();
    },
  };
}

// timeline are the entries of the way with the data that each shows.
function timeline(m) {
  const { way } = m;
  const { started, stopped } = way;
  return [
    { name: "started", data: started, draw: () => h("li", { class: "edge-of-time" }, h("span", { class: "point" }), h("div", {}, h("span", { class: "muted" }, t("way.started")), " ", h("time", { datetime: started }, moment(started)), data("input", t("way.message"), way.input))) },
    ...way.visits.map((v, i) => {
      const made = m.calls.filter((c) => c.visit === i);
      return { name: `visit ${i}`, data: [v, made], draw: () => visit(v, i, way, made) };
    }),
    stopped
      ? { name: "stopped", data: [stopped, way.error, way.cause], draw: () => h("li", { class: "edge-of-time", "data-ended": way.error ? "failed" : "succeeded" }, h("span", { class: "point" }), h("div", {}, h("strong", {}, way.status), " ", h("time", { datetime: stopped }, clock(stopped)), way.error || way.cause ? h("p", { class: "error" }, [way.error, way.cause].filter(Boolean).join(": ")) : null)) }
      : { name: "running", draw: () => h("li", { class: "edge-of-time", "data-ended": "running" }, h("span", { class: "point" }), h("div", { class: "muted" }, t("way.running"))) },
    ...(way.truncated ? [{ name: "truncated", draw: () => h("li", { class: "muted" }, t("way.truncated")) }] : []),
  ];
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
      made.length ? h("ul", { class: "made" }, groups(made).map((g) => h("li", {}, callLine(g)))) : null,
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
