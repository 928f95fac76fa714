// What the stand-in does wrong on purpose.
import { announce, h, put, unique } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { won } from "./format.js";
import { call, get } from "./api.js";
import { failure, testNumbers } from "./parts.js";

// What goes wrong on the way or at the vendor.
const kinds = [
  "reset-after", "reset-before", "http-500", "html-200", "slow", "unregistered-ip", "no-balance", "bad-credentials", "unregistered-sender",
  "unknown-refusal", "partial", "cut-off", "slow-body", "receipts-late", "receipts-out-of-order", "rows-duplicated", "types-swapped", "limit-ignored", "euc-kr",
];

const endpoints = [
  "/akv10/alimtalk/send/", "/akv10/history/detail/", "/akv10/history/list/", "/akv10/template/list/", "/send/", "/send_mass/", "/sms_list/", "/list/", "/remain/",
];

export function faults({ signal }) {
  const note = h("div", { "aria-live": "polite" });
  const balance = h("input", { type: "number", min: "0", step: "0.1", id: unique("field"), required: true });
  const balanceNow = h("p", { class: "muted" });

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
    note,
    h("section", { class: "box", "aria-labelledby": "add-title" }, h("h2", { id: "add-title" }, t("faults.once")), form),
    h("section", { class: "box", "aria-labelledby": "balance-title" }, h("h2", { id: "balance-title" }, t("faults.balance")), balanceNow,
      h("form", { class: "inline", onsubmit: setBalance }, h("label", { for: balance.id, class: "unseen" }, t("faults.balance")), balance, h("button", { type: "submit" }, t("faults.set")))),
    h("section", { class: "box", "aria-labelledby": "numbers-title" }, h("h2", { id: "numbers-title" }, t("faults.numbers")), h("p", { class: "muted" }, t("faults.numbers.text")),
      h("div", { class: "scroll" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("faults.numbers.ending")), h("th", { scope: "col" }, t("faults.numbers.what")), h("th", { scope: "col" }, h("span", { class: "unseen" }, t("inbox.write"))))),
        h("tbody", {}, testNumbers.map((n) => h("tr", {}, h("th", { scope: "row", class: "number" }, `…${n}`), h("td", {}, t(`test.${n}`)), h("td", {}, h("a", { href: `/compose?to=0101234${n}`, class: "button" }, t("inbox.write"))))))))));

  async function act(work, said) {
    try {
      await work();
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
    act(() => call("POST", "/inbox/standin/balance", { body: { balance: Number(balance.value) } }), t("faults.balance.set"));
  }

  async function refresh() {
    try {
      const wallet = await get("/inbox/standin/balance", signal);
      put(balanceNow, t("faults.balance.now", { balance: won(wallet.balance) }));
      if (document.activeElement !== balance) balance.value = wallet.balance;
    } catch (error) {
      if (error.name !== "AbortError") put(note, failure(error));
    }
  }

  return { title: () => t("nav.faults"), node, refresh };
}
