// What operators look after on a deployed stack. Each part is read for itself, so that what one may not see hides nothing else.
import { h, keyed, put, show } from "./dom.js";
import { icon } from "./icons.js";
import { has, t } from "./i18n.js";
import { clock, moment, number } from "./format.js";
import { call, get } from "./api.js";
import { limitsOf, optOuts, usesOf } from "./lookups.js";
import { copyButton, failure, jsonBlock, status, sure, triedNext } from "./parts.js";
import { nameOf, templateNames } from "./templates.js";

export function operations({ refresh, signal }) {
  const note = h("div", {});
  const parts = [
    part("parked", "/inbox/messages?status=parked", listed((m) => m.id, parkedRow, (d) => (d.next ? h("p", {}, h("a", { href: "/messages?status=parked" }, t("operations.parked.all"))) : null))),
    part("alarms", "/inbox/alarms", listed((a) => a.name, alarmRow, (d) => links(d.links))),
    part("failed", "/inbox/failed", listed((x) => x.id, failedRow)),
    part("letters", "/inbox/dead-letters", listed((l) => l.id, letterRow)),
    part("deployed", "/inbox/deployed", drawn(deployed)),
    part("account", "/inbox/balance", drawn((d) => h("p", {}, t("operations.balance", { sms: number(d.sms), lms: number(d.lms), alimtalk: d.alimtalk === undefined ? "–" : number(d.alimtalk) })))),
    part("templates", "/inbox/template-states", listed((x) => x.code, templateRow)),
    part("limits", "/inbox/limits", drawn((d) => usesOf(d.limits ?? [])), limitsOf(signal)),
    box("optouts", optOuts(signal)),
    part("parameters", "/inbox/parameters", listed((p) => p.name, (p) => h("li", { class: "line" }, h("code", {}, p.name), h("span", { class: "muted" }, ` ${p.type} · `, at(p.changed))))),
  ];
  const node = h("div", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, t("nav.operations")), h("p", { class: "muted" }, t("operations.text")))),
    note, h("div", { class: "stack" }, parts.map((p) => p.node)));

  const at = (time) => h("time", { datetime: time, title: moment(time) }, clock(time));

  // part is a part of the view: read from a path, and shown by a body.
  function part(name, path, body, more = []) {
    const state = h("div", {});
    return {
      node: box(name, [state, body.nodes, more]).node,
      async read() {
        try {
          const data = await get(path, signal);
          show(state, null);
          body.draw(data);
        } catch (error) {
          if (error.name === "AbortError") throw error;
          body.draw(null);
          show(state, { failure: error.message }, () => failure(error));
        }
      },
    };
  }

  // drawn is a body that is drawn anew when its data have changed.
  function drawn(make) {
    const node = h("div", {});
    return { nodes: [node], draw: (data) => show(node, data, make) };
  }

  // listed is a body that is a list, of which only those entries are drawn anew that have changed.
  function listed(keyOf, row, more = () => null) {
    const list = h("ul", { class: "plain rows-plain", hidden: true });
    const none = h("p", { class: "muted", hidden: true }, t("operations.none"));
    const after = drawn(more);
    return {
      nodes: [list, none, after.nodes],
      draw(data) {
        keyed(list, data?.items ?? [], keyOf, row);
        list.hidden = !data?.items.length;
        none.hidden = !data || data.items.length > 0;
        after.draw(data);
      },
    };
  }

  // box is a part that is read when somebody asks it.
  function box(name, content) {
    const id = `part-${name}`;
    return { node: h("section", { class: "box", "aria-labelledby": id }, h("h2", { id }, t(`operations.${name}`)), h("p", { class: "muted" }, t(`operations.${name}.text`)), content) };
  }

  function links(all = {}) {
    return h("p", { class: "quick" }, Object.entries(all).map(([name, url]) => away(url, t(`operations.link.${name}`))));
  }

  const away = (url, label) => h("a", { href: url, target: "_blank", rel: "noreferrer" }, label);

  // deployed says which version runs, and by which address it leaves.
  function deployed(d) {
    const others = d.functions.filter((f) => f.version !== d.version);
    return [
      h("dl", { class: "facts" },
        h("div", {}, h("dt", {}, t("deployed.egress")), h("dd", {}, d.egressIps.length ? d.egressIps.map((ip) => h("p", {}, h("code", {}, ip), " ", copyButton(() => ip))) : t("deployed.egress.unknown"))),
        h("div", {}, h("dt", {}, t("deployed.version")), h("dd", {}, d.version || t("deployed.version.unknown"))),
        h("div", {}, h("dt", {}, t("deployed.at")), h("dd", {}, at(d.at)))),
      others.length ? h("p", { class: "error" }, t("deployed.others", { names: others.map((f) => `${f.name} ${f.version || "?"}`).join(", ") })) : null,
      h("details", { class: "data", "data-name": "functions" }, h("summary", {}, t("deployed.functions", { n: number(d.functions.length) })),
        h("ul", { class: "plain" }, d.functions.map((f) => h("li", { class: "quick" }, h("code", {}, f.name), h("span", { class: "muted" }, f.version || "?", " · ", at(f.at)), away(f.log, t("operations.link.log")))))),
    ];
  }

  const looks = { approved: ["delivered", "check"], review: ["scheduled", "clock"], draft: ["pending", "dots"], rejected: ["failed", "cross"], stopped: ["failed", "cross"], dormant: ["failed", "cross"], soon: ["parked", "clock"] };

  function templateRow(x) {
    const [look, drawing] = looks[x.state] ?? ["pending", "question"];
    return h("li", { class: "item" },
      h("div", { class: "grow" }, h("span", { class: "status", "data-status": look, "data-template": x.state }, icon(drawing), t(`template.${x.state}`)), " ", h("strong", {}, x.name), " ", h("code", { class: "muted" }, x.code),
        x.unusedSince && x.state !== "approved" ? h("p", { class: "muted" }, t("template.unused", { at: moment(x.unusedSince) })) : null,
        x.words?.length ? h("p", {}, x.words.join(" ")) : null));
  }

  function parkedRow(m) {
    const { cause, reason, since } = m.parked ?? {};
    return h("li", { class: "item" },
      h("div", { class: "grow" }, h("a", { href: `/messages/${m.id}` }, m.reference || nameOf(m.template) || t("messages.text")), " ", status(m.status),
        cause ? [" ", h("strong", {}, t(`parked.${cause}`)), h("p", {}, has(`repair.${cause}`) ? t(`repair.${cause}`) : reason),
          h("p", { class: "muted" }, t("operations.parked.since", { since: moment(since) }), " · ", triedNext(m.parked))] : null));
  }

  function alarmRow(a) {
    return h("li", { class: "item" },
      h("div", { class: "grow" }, h("span", { class: "alarm", "data-state": a.state }, t(`alarm.${a.state}`)), " ", away(a.link, a.name), a.description ? h("p", { class: "muted" }, a.description) : null), at(a.since));
  }

  function failedRow(x) {
    return h("li", { class: "item" },
      h("div", { class: "grow" }, h("a", { href: `/messages/${x.id}` }, h("code", {}, x.id)), h("p", { class: "muted" }, `${x.status} · `, at(x.stopped), " · ", away(x.link, t("operations.link.execution")))),
      action(t("operations.redrive"), t("operations.redrive.sure"), "POST", `/inbox/failed/${encodeURIComponent(x.id)}/redrive`));
  }

  function letterRow(l) {
    const path = `/inbox/dead-letters/${encodeURIComponent(l.id)}`;
    return h("li", { class: "item" },
      h("div", { class: "grow" }, h("strong", {}, l.detailType || t("operations.letter.unreadable")), l.source ? ` · ${l.source}` : "",
        h("p", {}, t(`letter.${l.from}`, { function: l.function })), l.why ? h("p", { class: "error" }, l.why) : null,
        h("p", { class: "muted" }, at(l.sent), l.rule ? ` · ${t("operations.letter.rule", { rule: l.rule })}` : "", " · ", away(l.log, t("operations.link.log"))),
        jsonBlock(t("events.detail"), l.detail)),
      h("div", { class: "quick" },
        l.event ? action(t("operations.again"), t("operations.again.sure", { function: l.function }), "POST", `${path}/again`) : null,
        action(t("operations.drop"), t("operations.drop.sure"), "DELETE", path, "danger")));
  }

  function action(label, question, method, path, kind = "") {
    return sure(label, question, async () => {
      await call(method, path);
      put(note);
      await refresh();
    }, (error) => {
      put(note, failure(error));
      note.scrollIntoView({ block: "nearest" });
    }, { kind });
  }

  return {
    title: () => t("nav.operations"),
    node,
    async refresh() {
      await templateNames();
      await Promise.all(parts.map((p) => p.read?.()));
    },
  };
}
