// The page's frame: navigation, routing and the live connection. Each view is a module with a function that gives
// { title, node, refresh, move }. refresh reads again what the view shows; it is called when something has changed on the
// server or when a view calls the refresh that it is given, and never while it still runs. move, if it is there, takes the
// address of the same view with other parameters.
import { get } from "./api.js";
import { announce, h, put } from "./dom.js";
import { moment, number } from "./format.js";
import { icon } from "./icons.js";
import { choose, language, t } from "./i18n.js";
import { campaign } from "./campaign.js";
import { campaigns } from "./campaigns.js";
import { compose } from "./compose.js";
import { docs } from "./docs.js";
import { events } from "./events.js";
import { faults } from "./faults.js";
import { message } from "./message.js";
import { messages } from "./messages.js";
import { newCampaign } from "./newcampaign.js";
import { operations } from "./operations.js";
import { overview } from "./overview.js";
import { phones } from "./phones.js";
import { part, systemName } from "./system.js";

// Each place with the part of a system that it is there for; without one it is there for every system.
const places = [
  ["inbox", "/", "phones"],
  ["messages", "/messages"],
  ["compose", "/compose", "compose"],
  ["campaigns", "/campaigns", "campaigns"],
  ["events", "/events", "events"],
  ["faults", "/faults", "faults"],
  ["operations", "/operations", "operations"],
  ["overview", "/overview"],
  ["docs", "/docs"],
].filter(([, , name]) => !name || part(name));

const routes = [
  [/^\/$/, part("phones") ? phones : messages, part("phones") ? "inbox" : "messages"],
  [/^\/phones\/(\d+)$/, phones, "inbox", "phones"],
  [/^\/messages$/, messages, "messages"],
  [/^\/messages\/([^/]+)$/, message, "messages"],
  [/^\/compose$/, compose, "compose", "compose"],
  [/^\/campaigns$/, campaigns, "campaigns", "campaigns"],
  [/^\/campaigns\/new$/, newCampaign, "campaigns", "campaigns"],
  [/^\/campaigns\/([^/]+)$/, campaign, "campaigns", "campaigns"],
  [/^\/events$/, events, "events", "events"],
  [/^\/faults$/, faults, "faults", "faults"],
  [/^\/operations$/, operations, "operations", "operations"],
  [/^\/overview$/, overview, "overview"],
  [/^\/docs$/, docs, "docs"],
].filter(([, , , name]) => !name || part(name));

const main = h("main", { id: "main", tabindex: "-1" });
const faultNote = h("a", { class: "fault-note", href: "/faults", hidden: true });
const live = h("span", { class: "live", "data-state": "connecting" });
const time = h("span", { class: "system-time" });
const links = new Map();
const themes = ["auto", "light", "dark"];
const themeButton = h("button", { type: "button", class: "quiet", onclick: nextTheme });

function theme() {
  return document.documentElement.dataset.theme ?? "auto";
}

function nextTheme() {
  const next = themes[(themes.indexOf(theme()) + 1) % themes.length];
  if (next === "auto") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("theme");
  } else {
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
  }
  drawTheme();
}

function drawTheme() {
  put(themeButton, icon({ auto: "auto", light: "sun", dark: "moon" }[theme()]), h("span", { class: "unseen" }, t("theme", { theme: t(`theme.${theme()}`) })));
  themeButton.title = t("theme", { theme: t(`theme.${theme()}`) });
}

function frame() {
  const list = h("ul", {});
  for (const [name, path] of places) {
    const link = h("a", { href: path }, icon(name), h("span", {}, t(`nav.${name}`)));
    links.set(name, link);
    list.append(h("li", {}, link));
  }
  const other = language === "ko" ? "en" : "ko";
  drawTheme();
  put(
    document.getElementById("app"),
    h("a", { class: "skip", href: "#main", onclick: () => main.focus() }, t("nav.skip")),
    h("header", { class: "frame" },
      h("a", { class: "brand", href: "/" }, h("span", { class: "mark", "aria-hidden": "true" }, icon("messages")), h("span", {}, "sms-api"), h("span", { class: "local" }, systemName === "local" ? t("nav.local") : systemName)),
      h("nav", { "aria-label": t("nav.label") }, list),
      h("div", { class: "tools" },
        live,
        h("button", { type: "button", class: "quiet", lang: other, onclick: () => choose(other) }, other === "ko" ? "한국어" : "English"),
        themeButton),
      time,
    ),
    main,
    faultNote,
  );
}

let current = null;
let shown = "";
let controller = new AbortController();

// go opens a path. With replace it takes the place of the present one in the browser's history.
export function go(path, { replace = false } = {}) {
  if (path !== location.pathname + location.search + location.hash) {
    history[replace ? "replaceState" : "pushState"]({}, "", path);
  }
  return open(true);
}

async function open(moved) {
  const path = location.pathname;
  shown = path + location.search;
  const [pattern, show, place] = routes.find(([p]) => p.test(path)) ?? [/^/, nothing, ""];
  for (const [name, link] of links) {
    if (name === place) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  const parameters = [...(pattern.exec(path) ?? [])].slice(1).map(decoded);
  const same = current?.show === show && current.view.move;
  if (same) {
    current.view.move(parameters, new URLSearchParams(location.search));
    document.title = `${current.view.title()} · sms-api`;
    await refresh();
    return;
  }
  controller.abort();
  controller = new AbortController();
  const view = show({ parameters, query: new URLSearchParams(location.search), go, refresh, signal: controller.signal });
  current = { show, view };
  put(main, view.node);
  // What takes longer than a blink is said to be under way.
  const wait = h("p", { class: "loading", role: "status" }, t("loading"));
  const slow = setTimeout(() => view.node.before(wait), 400);
  document.title = `${view.title()} · sms-api`;
  if (moved) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
    announce(view.title());
  }
  await refresh();
  clearTimeout(slow);
  wait.remove();
}

// decoded is a part of an address. One that somebody has mangled is an id that nothing has.
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function nothing() {
  return {
    title: () => t("none.title"),
    node: h("div", { class: "empty" }, h("h1", {}, t("none.title")), h("p", {}, t("none.text")), h("p", {}, h("a", { href: "/" }, t("none.back")))),
  };
}

// guarded runs what may be overtaken by the next view.
async function guarded(work) {
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError") console.error(error);
  }
}

let last = Promise.resolve();
let waiting = null;

// refresh lets the view read again what it shows, once at a time. The promise is kept when a reading that began after the
// call is over.
function refresh() {
  waiting ??= last = last.then(async () => {
    waiting = null;
    const { view } = current;
    await Promise.all([guarded(async () => view.refresh?.()), guarded(showFaults)]);
    if (current.view === view) document.title = `${view.title()} · sms-api`;
  });
  return waiting;
}

// A fault that somebody has set, here or elsewhere, is the likely reason of what one wonders about.
async function showFaults() {
  if (!part("faults")) return;
  const set = await get("/inbox/standin/faults");
  faultNote.hidden = !set.length;
  put(faultNote, icon("faults"), t("faults.running", { n: number(set.length) }));
}

let source = null;

// A page that nobody sees does not listen: browsers allow few connections to one server.
function connect() {
  source?.close();
  source = null;
  if (document.hidden) return;
  source = new EventSource("/inbox/stream");
  source.addEventListener("open", () => state("live"));
  source.addEventListener("error", () => state(source?.readyState === EventSource.CLOSED ? "lost" : "again"));
  source.addEventListener("change", refresh);
}

function state(name) {
  live.dataset.state = name;
  put(live, h("span", { class: "dot", "aria-hidden": "true" }), t(`live.${name}`));
}

// The system's time is shown if it is not the browser's.
async function showTime() {
  const system = await get("/inbox/system");
  const read = Date.now();
  const now = () => Date.parse(system.now) + (Date.now() - read) * system.speed;
  if (system.speed === 1 && Math.abs(now() - read) < 5000) return;
  const draw = () => put(time, t("time.system", { time: moment(new Date(now()).toISOString()), speed: number(system.speed) }));
  time.title = t("time.hint");
  draw();
  setInterval(draw, 1000);
}

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  // Links in drawings have no href and target of the same kind.
  const url = new URL(link.getAttribute("href"), location.href);
  if (link.hasAttribute("target") || url.origin !== location.origin || link.hasAttribute("download") || !routes.some(([p]) => p.test(url.pathname))) return;
  if (url.pathname === location.pathname && url.search === location.search && url.hash) return;
  event.preventDefault();
  go(url.pathname + url.search + url.hash);
});

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.metaKey || event.ctrlKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
  const search = main.querySelector("input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// Steps within a view change the fragment only.
addEventListener("popstate", () => {
  if (shown !== location.pathname + location.search) open(true);
});
document.addEventListener("visibilitychange", connect);

state("connecting");
frame();
guarded(showTime);
connect();
open(false);
