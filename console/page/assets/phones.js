// The inbox: phones on the one side, what the chosen one has received on the other.
import { announce, h, keyed, put, show } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { clock, number, phone } from "./format.js";
import { call, get, query } from "./api.js";
import { arrows, channel, empty, failure, numberOf, pager, searchBox, testNumber } from "./parts.js";
import { delivery } from "./bubble.js";

export function phones({ parameters, query: q, go, signal }) {
  let chosen;
  let search;
  let before;
  let newest = null;
  let jump = location.hash;
  const list = h("ul", { class: "rows" });
  const listState = h("div", {});
  const listPager = h("div", {});
  const head = h("header", { class: "pane-head" });
  const thread = h("div", { class: "thread", role: "log", "aria-live": "off" });
  const threadPager = h("div", {});
  const conversation = h("section", { class: "pane conversation" }, head, thread, threadPager);
  const box = searchBox(t("inbox.search"), q.get("q") ?? "", (text) => go(location.pathname + query({ q: text }), { replace: true }));
  const clear = h("button", { type: "button", class: "quiet", onclick: clearAll }, icon("trash"), t("inbox.clear"));
  const node = h("div", { class: "panes" },
    h("section", { class: "pane list", "aria-labelledby": "inbox-title" },
      h("header", { class: "pane-head" }, h("h1", { id: "inbox-title" }, t("nav.inbox")), clear),
      box, listState, list, listPager),
    conversation);
  take(parameters, q);

  arrows(list);

  function take([to], values) {
    chosen = to ?? "";
    search = values.get("q") ?? "";
    before = values.get("before") ?? "";
    node.dataset.chosen = chosen ? "yes" : "no";
    put(head, chosen
      ? [
          h("a", { class: "quiet back", href: `/${query({ q: search })}`, "aria-label": t("inbox.back") }, icon("back")),
          h("h2", { class: "grow", tabindex: "-1" }, phone(chosen)),
          h("a", { class: "button", href: `/compose?to=${chosen}` }, icon("compose"), t("inbox.write")),
        ]
      : null);
    show(threadPager, null);
    put(thread, chosen ? null : h("div", { class: "empty choose" }, icon("phone"), h("p", {}, t("inbox.choose"))));
  }

  async function clearAll() {
    if (!confirm(t("inbox.clear.sure"))) return;
    try {
      await call("DELETE", "/inbox");
      go("/");
    } catch (error) {
      fail(error);
    }
  }

  const fail = (error) => show(listState, { failure: error.message }, () => failure(error));

  function row(p) {
    const d = p.newest;
    return h("li", {}, h("a", { href: `/phones/${p.number}${query({ q: search })}`, "aria-current": p.number === chosen ? "true" : null },
      h("span", { class: "line" }, numberOf(p.number), h("time", { datetime: d.at }, clock(d.at))),
      h("span", { class: "line" }, channel(d.type), h("span", { class: "preview" }, (d.emphasisTitle ? `${d.emphasisTitle} · ` : "") + d.text.replace(/\s+/g, " ")),
        p.count > 1 ? h("span", { class: "count", title: t("inbox.count", { n: p.count }) }, number(p.count)) : null)));
  }

  async function drawList() {
    const found = await get(`/inbox/phones${query({ q: search, before: chosen ? "" : before })}`, signal);
    keyed(list, found.items.map((p) => ({ ...p, search })), (p) => p.number, row);
    for (const link of list.querySelectorAll("a")) {
      if (link.pathname === `/phones/${chosen}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const values = { q: search, before: chosen ? "" : before };
    show(listPager, found.total ? { values, total: found.total, next: found.next } : null, () => pager("/", values, found));
    show(listState, found.items.length ? null : { search }, () => (search
      ? empty(t("inbox.none.found"), t("inbox.none.found.text", { q: search }), h("p", {}, h("a", { href: `/messages${query({ q: search })}` }, t("inbox.none.messages"))))
      : empty(t("inbox.none"), t("inbox.none.text"), h("p", {}, h("a", { class: "button", href: "/compose" }, icon("compose"), t("nav.compose"))))));
    const latest = found.items[0]?.newest;
    if (latest && newest !== null && latest.number > newest && !before) announce(t("inbox.arrived", { number: phone(latest.to) }));
    if (!before && !search) newest = latest?.number ?? 0;
  }

  async function drawThread() {
    if (!chosen) return;
    const to = chosen;
    const found = await get(`/inbox/deliveries${query({ to, q: search, before })}`, signal);
    if (to !== chosen) return;
    keyed(thread, [...(testNumber(to) ? [{ about: to }] : []), ...found.items], (d) => d.number ?? `about-${to}`, (d) =>
      d.about ? h("p", { class: "note" }, t("test.note", { ending: testNumber(d.about), what: t(`test.${testNumber(d.about)}`) })) : delivery(d));
    if (!found.items.length) put(thread, empty(t("inbox.none.here"), search ? t("inbox.none.found.text", { q: search }) : t("inbox.none.text")));
    const values = { q: search, before };
    show(threadPager, found.total ? { values, total: found.total, next: found.next } : null, () => pager(`/phones/${to}`, values, found));
    if (jump) {
      const target = document.getElementById(jump.slice(1));
      jump = "";
      target?.scrollIntoView({ block: "center" });
      target?.classList.add("pointed");
    }
  }

  async function refresh() {
    try {
      await Promise.all([drawList(), drawThread()]);
    } catch (error) {
      if (error.name !== "AbortError") fail(error);
    }
  }

  return {
    title: () => (chosen ? phone(chosen) : t("nav.inbox")),
    node,
    refresh,
    move(to, values) {
      const last = chosen;
      jump = location.hash;
      take(to, values);
      if (last === chosen) return;
      conversation.scrollTo(0, 0);
      if (chosen) head.querySelector("h2").focus({ preventScroll: true });
    },
  };
}
