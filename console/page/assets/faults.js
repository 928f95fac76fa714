// What the stand-in does wrong on purpose.
import { announce, h, keyed, put, show, unique } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { number, won } from "./format.js";
import { call, get, query } from "./api.js";
import { failure, testNumbers } from "./parts.js";

// What an operator has to repair, for all calls until it is switched off.
const switches = ["unregistered-ip", "bad-credentials", "no-balance", "unregistered-sender"];

// What goes wrong on the way or at the vendor, for some calls.
const kinds = [
  "reset-after", "reset-before", "http-500", "html-200", "slow", "unregistered-ip", "no-balance", "bad-credentials", "unregistered-sender",
  "unknown-refusal", "partial", "cut-off", "slow-body", "receipts-late", "receipts-out-of-order", "rows-duplicated", "types-swapped", "limit-ignored",
  "late", "empty-list", "euc-kr",
];

const endpoints = [
  "/akv10/alimtalk/send/", "/akv10/history/detail/", "/akv10/history/list/", "/akv10/template/list/", "/send/", "/send_mass/", "/sms_list/", "/list/", "/remain/",
];

export function faults({ refresh, signal }) {
  const note = h("div", { "aria-live": "polite" });
  const trouble = h("div", {});
  const switchList = h("ul", { class: "switches" });
  const active = h("ul", { class: "rows faults" });
  const none = h("p", { class: "muted" }, t("faults.none"));
  const balance = h("input", { type: "number", min: "0", step: "0.1", id: unique("field"), required: true });
  const balanceNow = h("p", { class: "muted" });
  const ips = h("input", { type: "text", id: unique("field"), autocomplete: "off", spellcheck: "false", placeholder: "127.0.0.1" });

  const kind = h("select", { id: unique("field") }, kinds.map((k) => h("option", { value: k }, `${t(`fault.${k}`)} (${k})`)));
  const endpoint = h("select", { id: unique("field") }, h("option", { value: "" }, t("faults.endpoint.all")), endpoints.map((path) => h("option", { value: path }, path)));
  const times = h("input", { type: "number", min: "1", max: "100000", value: "1", id: unique("field") });
  const always = h("input", { type: "checkbox", id: unique("field"), onchange: () => { times.disabled = always.checked; } });
  const probability = h("input", { type: "number", min: "1", max: "100", value: "100", id: unique("field") });
  const accepted = h("input", { type: "checkbox", id: unique("field") });
  const acceptedRow = h("p", { class: "check" }, accepted, h("label", { for: accepted.id }, t("faults.accepted")));
  const what = h("p", { class: "hint" });
  const shape = () => {
    acceptedRow.hidden = !["http-500", "html-200"].includes(kind.value);
    put(what, t(`fault.${kind.value}.text`));
  };
  kind.addEventListener("change", shape);
  endpoint.value = endpoints[0];
  shape();

  const field = (label, control) => h("div", { class: "field" }, h("label", { for: control.id }, label), control);
  const form = h("form", { class: "part", onsubmit: add },
    h("div", { class: "two" }, h("div", { class: "field" }, h("label", { for: kind.id }, t("faults.kind")), kind, what), field(t("faults.endpoint"), endpoint)),
    h("div", { class: "two" }, h("div", {}, field(t("faults.times"), times), h("p", { class: "check" }, always, h("label", { for: always.id }, t("faults.always")))), field(t("faults.probability"), probability)),
    acceptedRow,
    h("div", { class: "send" }, h("button", { type: "submit", class: "primary" }, icon("faults"), t("faults.add"))));

  const node = h("div", { class: "page" },
    h("header", { class: "page-head" }, h("div", { class: "grow" }, h("h1", {}, t("nav.faults")), h("p", { class: "muted" }, t("faults.text"))),
      h("button", { type: "button", class: "quiet", onclick: reset }, icon("trash"), t("faults.reset"))),
    note, trouble,
    h("section", { class: "box", "aria-labelledby": "switches-title" }, h("h2", { id: "switches-title" }, t("faults.switches")), h("p", { class: "muted" }, t("faults.switches.text")), switchList),
    h("section", { class: "box", "aria-labelledby": "active-title" },
      h("div", { class: "box-head" }, h("h2", { id: "active-title" }, t("faults.active")), h("button", { type: "button", class: "quiet", onclick: () => act(() => call("DELETE", "/inbox/standin/faults"), t("faults.cleared")) }, t("faults.clear"))),
      none, active),
    h("section", { class: "box", "aria-labelledby": "add-title" }, h("h2", { id: "add-title" }, t("faults.once")), form),
    h("div", { class: "columns" },
      h("section", { class: "box", "aria-labelledby": "balance-title" }, h("h2", { id: "balance-title" }, t("faults.balance")), balanceNow,
        h("form", { class: "inline", onsubmit: setBalance }, h("label", { for: balance.id, class: "unseen" }, t("faults.balance")), balance, h("button", { type: "submit" }, t("faults.set")))),
      h("section", { class: "box", "aria-labelledby": "ips-title" }, h("h2", { id: "ips-title" }, t("faults.ips")), h("p", { class: "muted" }, t("faults.ips.text")),
        h("form", { class: "inline", onsubmit: setIPs }, h("label", { for: ips.id, class: "unseen" }, t("faults.ips")), ips, h("button", { type: "submit" }, t("faults.set"))))),
    h("section", { class: "box", "aria-labelledby": "numbers-title" }, h("h2", { id: "numbers-title" }, t("faults.numbers")), h("p", { class: "muted" }, t("faults.numbers.text")),
      h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("faults.numbers") }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("faults.numbers.ending")), h("th", { scope: "col" }, t("faults.numbers.what")), h("th", { scope: "col" }, h("span", { class: "unseen" }, t("inbox.write"))))),
        h("tbody", {}, testNumbers.map((n) => h("tr", {}, h("th", { scope: "row", class: "number" }, `…${n}`), h("td", {}, t(`test.${n}`)), h("td", {}, h("a", { href: `/compose?to=0101234${n}`, class: "button" }, t("inbox.write"))))))))));

  // act does something at the stand-in, with what stands in a form if there is one.
  async function act(work, said, written) {
    try {
      await work();
      written?.reset();
      put(note);
      announce(said);
    } catch (error) {
      put(note, failure(error));
    }
    await refresh();
  }

  function add(event) {
    event.preventDefault();
    const fault = { endpoint: endpoint.value, fault: kind.value, times: always.checked ? -1 : Number(times.value) || 1 };
    if (Number(probability.value) < 100) fault.probability = Number(probability.value) / 100;
    if (!acceptedRow.hidden && accepted.checked) fault.accepted = true;
    act(() => call("POST", "/inbox/standin/faults", { body: fault }), t("faults.added"));
  }

  function reset() {
    if (confirm(t("faults.reset.sure"))) act(() => call("DELETE", "/inbox/standin/"), t("faults.reset.done"));
  }

  function setBalance(event) {
    event.preventDefault();
    act(() => call("POST", "/inbox/standin/balance", { body: { balance: Number(balance.value) } }), t("faults.balance.set"), event.target);
  }

  function setIPs(event) {
    event.preventDefault();
    act(() => call("POST", "/inbox/standin/ips", { body: { ips: ips.value.split(/[\s,]+/).filter(Boolean) } }), t("faults.ips.set"), event.target);
  }

  // set are the faults that the stand-in still has.
  function drawFaults(set) {
    keyed(switchList, switches.map((k) => ({ kind: k, on: set.some((f) => f.fault === k && f.times < 0 && !f.endpoint) })), (x) => x.kind, ({ kind: k, on }) => {
      const id = unique("switch");
      return h("li", {}, h("button", { type: "button", role: "switch", "aria-checked": String(on), "aria-labelledby": id, onclick: () => flip(k, on) }, h("span", { class: "knob" })),
        h("div", { id }, h("strong", {}, t(`fault.${k}`)), h("p", { class: "muted" }, t(`fault.${k}.text`))));
    });
    keyed(active, set.map((f, i) => ({ ...f, i })), (f) => f.i, (f) => h("li", {},
      h("span", {}, h("strong", {}, t(`fault.${f.fault}`)), " ", h("code", {}, f.endpoint || t("faults.endpoint.all"))),
      h("span", { class: "muted" }, f.times < 0 ? t("faults.left.always") : t("faults.left", { n: number(f.times) }), f.probability > 0 && f.probability < 1 ? ` · ${Math.round(f.probability * 100)}%` : ""),
      h("button", { type: "button", class: "quiet", "aria-label": t("faults.remove"), onclick: () => act(() => remove(f.fault, f.endpoint), t("faults.cleared")) }, icon("cross"))));
    none.hidden = set.length > 0;
  }

  const remove = (k, path) => call("DELETE", `/inbox/standin/faults${query({ fault: k, endpoint: path })}`);

  function flip(k, on) {
    act(() => (on ? remove(k, "") : call("POST", "/inbox/standin/faults", { body: { fault: k, times: -1 } })), t(on ? "faults.off" : "faults.on", { fault: t(`fault.${k}`) }));
  }

  async function read() {
    try {
      const [set, wallet, registered] = await Promise.all(["faults", "balance", "ips"].map((name) => get(`/inbox/standin/${name}`, signal)));
      show(trouble, null);
      drawFaults(set);
      put(balanceNow, t("faults.balance.now", { balance: won(wallet.balance) }));
      // A default shows only in a field that nobody has written in since its form was reset.
      balance.defaultValue = wallet.balance;
      ips.defaultValue = registered.ips.join(", ");
    } catch (error) {
      if (error.name !== "AbortError") show(trouble, { failure: error.message }, () => failure(error));
    }
  }

  return { title: () => t("nav.faults"), node, refresh: read };
}
