// What operators look up, and set right: how much of their limits callers and numbers have used, and who has opted out.
import { h, put } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { moment, number, phone } from "./format.js";
import { call, get, query } from "./api.js";
import { failure, sure } from "./parts.js";

// lookup is a form that looks something up, and what it shows of the answer. ask gives what is shown; what it throws is shown as well.
function lookup(signal, controls, ask) {
  const answer = h("div", { class: "stack", "aria-live": "polite" });
  const refused = (error) => {
    if (error.name !== "AbortError") put(answer, failure(error));
  };
  const look = async (event) => {
    event?.preventDefault();
    try {
      put(answer, await ask(again));
    } catch (error) {
      refused(error);
    }
  };
  // again does something that asks once, and looks again.
  const again = (label, question, work, kind = "") => sure(label, question, async () => {
    await work();
    await look();
  }, refused, { kind });
  return [h("form", { class: "inline", onsubmit: look }, controls, h("button", { type: "submit" }, icon("search"), t("lookup.look"))), answer];
}

// usesOf is a table of how much of each limit is used.
export function usesOf(uses) {
  const of = (u) => (u.trusted === undefined ? t(`limit.${u.limit}`) : `${t(`limit.${u.limit}`)} · ${t(u.trusted ? "limit.trusted" : "limit.untrusted")}`);
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("operations.limits") }, h("table", { class: "fit" },
    h("thead", {}, h("tr", {}, ["name", "used", "max"].map((name) => h("th", { scope: "col" }, t(`limits.${name}`))))),
    h("tbody", {}, uses.map((u) => h("tr", {}, h("th", { scope: "row" }, of(u)), h("td", { class: u.max && u.used >= u.max ? "number error" : "number" }, number(u.used)), h("td", { class: "number" }, u.max ? number(u.max) : t("limits.none")))))));
}

// limitsOf looks up what a caller or a number has used, and sets it to nothing.
export function limitsOf(signal) {
  const whose = h("select", { id: "limits-whose" }, ["caller", "to"].map((name) => h("option", { value: name }, t(`limits.of.${name}`))));
  const which = h("input", { type: "text", id: "limits-which", autocomplete: "off", spellcheck: "false", required: true });
  return lookup(signal, [h("label", { for: whose.id, class: "unseen" }, t("limits.whose")), whose, h("label", { for: which.id, class: "unseen" }, t("limits.which")), which], async (again) => {
    const path = `/inbox/limits${query({ [whose.value]: which.value.trim() })}`;
    const use = await get(path, signal);
    const name = use.caller || use.to;
    return [h("h3", {}, name), usesOf(use.limits), h("p", {}, again(t("limits.reset"), t("limits.reset.sure", { name }), () => call("DELETE", path), "danger"))];
  });
}

// optOuts looks up what a number has said last, and writes down what it says now.
export function optOuts(signal) {
  const to = h("input", { type: "tel", autocomplete: "off", id: "opt-out-number", required: true });
  return lookup(signal, [h("label", { for: to.id }, t("optout.number")), to], async (again) => {
    const digits = to.value.replace(/\D/g, "");
    const path = `/inbox/opt-outs/${encodeURIComponent(to.value.trim())}`;
    const out = again(t("optout.out"), t("optout.out.sure", { to: phone(digits) }), () => call("PUT", path));
    let known;
    try {
      known = await get(path, signal);
    } catch (error) {
      if (error.type !== "opt-out-not-found") throw error;
      return [h("p", {}, t("optout.none", { to: phone(digits) })), h("p", {}, out)];
    }
    const isOut = known.status === "opted-out";
    return [
      h("p", {}, t(isOut ? "optout.yes" : "optout.no", { to: phone(digits), at: moment(known.at) }), known.via ? h("span", { class: "muted" }, ` · ${t("optout.via", { via: known.via })}`) : null),
      h("p", {}, isOut ? again(t("optout.in"), t("optout.in.sure", { to: phone(digits) }), () => call("DELETE", path)) : out),
    ];
  });
}
