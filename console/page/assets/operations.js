// What operators look after on a deployed stack. Each part is read for itself, so that what one may not see hides nothing else.
import { announce, h, keyed, put, show } from "./dom.js";
import { icon } from "./icons.js";
import { has, t } from "./i18n.js";
import { clock, moment, number, phone, span } from "./format.js";
import { call, get } from "./api.js";
import { failure, jsonBlock, status } from "./parts.js";

export function operations({ refresh, signal }) {
  const note = h("div", {});
  const parts = [
    part("parked", "/inbox/messages?status=parked", (d) => rows(d.items, (m) => m.id, parkedRow)),
    part("alarms", "/inbox/alarms", (d) => [rows(d.items, (a) => a.name, alarmRow), links(d.links)]),
    part("failed", "/inbox/failed", (d) => rows(d.items, (x) => x.id, failedRow)),
    part("letters", "/inbox/dead-letters", (d) => rows(d.items, (l) => l.id, letterRow)),
    part("account", "/inbox/balance", (d) => h("p", {}, t("operations.balance", { sms: number(d.sms), lms: number(d.lms), alimtalk: d.alimtalk === undefined ? "–" : number(d.alimtalk) }))),
    part("templates", "/inbox/templates", (d) => rows(d.templates ?? [], (x) => x.code, (x) => h("li", { class: "line" }, h("code", {}, x.code), ` ${x.name}`))),
    part("limits", "/inbox/limits", (d) => jsonBlock(t("operations.limits.data"), d)),
    part("parameters", "/inbox/parameters", (d) => rows(d.items, (p) => p.name, (p) => h("li", { class: "line" }, h("code", {}, p.name), h("span", { class: "muted" }, ` ${p.type} · `, at(p.changed))))),
  ];
  const node = h("div", { class: "page" },
    h("header", { class: "page-head" }, h("div", {}, h("h1", {}, t("nav.operations")), h("p", { class: "muted" }, t("operations.text")))),
    note, h("div", { class: "stack" }, parts.map((p) => p.node), optOuts()));

  const at = (time) => h("time", { datetime: time, title: moment(time) }, clock(time));

  // part is a part of the view: read from a path, and drawn when it has changed.
  function part(name, path, draw) {
    const state = h("div", {});
    const body = h("div", {});
    const id = `part-${name}`;
    return {
      node: h("section", { class: "box", "aria-labelledby": id }, h("h2", { id }, t(`operations.${name}`)), h("p", { class: "muted" }, t(`operations.${name}.text`)), state, body),
      async read() {
        try {
          const data = await get(path, signal);
          show(state, null);
          show(body, data, draw);
        } catch (error) {
          if (error.name === "AbortError") throw error;
          show(body, null);
          show(state, { failure: error.message }, () => failure(error));
        }
      },
    };
  }

  function rows(all, keyOf, draw) {
    if (!all.length) return h("p", { class: "muted" }, t("operations.none"));
    const list = h("ul", { class: "plain rows-plain" });
    keyed(list, all, keyOf, draw);
    return list;
  }

  function links(all = {}) {
    return h("p", { class: "quick" }, Object.entries(all).map(([name, url]) => away(url, t(`operations.link.${name}`))));
  }

  const away = (url, label) => h("a", { href: url, target: "_blank", rel: "noreferrer" }, label);

  function parkedRow(m) {
    return h("li", { class: "item" },
      h("div", { class: "grow" }, h("a", { href: `/messages/${m.id}` }, m.reference || m.template || t("messages.text")), " ", status(m.status), " ", h("strong", {}, t(`parked.${m.parked?.cause}`)),
        h("p", {}, repair(m.parked)), h("p", { class: "muted" }, t("operations.parked.since", { since: moment(m.parked?.since ?? m.createdAt), wait: span((m.parked?.wait ?? 0) * 1000) }))));
  }

  const repair = (parked) => (parked && has(`repair.${parked.cause}`) ? t(`repair.${parked.cause}`) : parked?.reason);

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

  // action is a button that asks once.
  function action(label, question, method, path, kind = "") {
    return h("button", {
      type: "button", class: kind,
      onclick: async (event) => {
        if (!confirm(question)) return;
        const button = event.currentTarget;
        button.disabled = true;
        try {
          await call(method, path);
          put(note);
          announce(t("operations.done"));
          await refresh();
        } catch (error) {
          put(note, failure(error));
          note.scrollIntoView({ block: "nearest" });
        } finally {
          button.disabled = false;
        }
      },
    }, label);
  }

  function optOuts() {
    const to = h("input", { type: "tel", autocomplete: "off", id: "opt-out-number" });
    const answer = h("div", { "aria-live": "polite" });
    const look = async (event) => {
      event?.preventDefault();
      try {
        const known = await get(`/inbox/opt-outs/${encodeURIComponent(to.value.trim())}`, signal);
        put(answer, h("p", {}, t(known.status === "opted-out" ? "optout.yes" : "optout.no", { to: phone(to.value.replace(/\D/g, "")), at: moment(known.at) })),
          known.status === "opted-out" ? h("button", { type: "button", onclick: optIn }, t("optout.in")) : null);
      } catch (error) {
        put(answer, error.type === "opt-out-not-found" ? h("p", {}, t("optout.none", { to: phone(to.value.replace(/\D/g, "")) })) : failure(error));
      }
    };
    const optIn = async () => {
      if (!confirm(t("optout.in.sure"))) return;
      try {
        await call("DELETE", `/inbox/opt-outs/${encodeURIComponent(to.value.trim())}`);
        await look();
      } catch (error) {
        put(answer, failure(error));
      }
    };
    return h("section", { class: "box", "aria-labelledby": "part-optouts" }, h("h2", { id: "part-optouts" }, t("operations.optouts")), h("p", { class: "muted" }, t("operations.optouts.text")),
      h("form", { class: "inline", onsubmit: look }, h("label", { for: to.id }, t("compose.to")), to, h("button", { type: "submit" }, icon("search"), t("optout.look"))), answer);
  }

  return {
    title: () => t("nav.operations"),
    node,
    refresh: () => Promise.all(parts.map((p) => p.read())),
  };
}
