// The state machine as a drawing, coloured by the way that a message took. The server has laid it out.
import { h, s, unique } from "./dom.js";
import { t } from "./i18n.js";

const typeIcons = {
  Task: "M4 10h8M9 6l4 4-4 4",
  Wait: "M8.500 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM8.500 7v3l2 1.500",
  Choice: "M8.500 4l6 6-6 6-6-6z",
};

// centre shows the middle of a drawing first where the screen is narrow; the ways lead through it.
export function centre(body) {
  const box = body.querySelector(".graph-box");
  box.scrollLeft = (box.scrollWidth - box.clientWidth) / 2;
}

// traveled are the edges taken with how often, and the states visited with how the last visit ended.
function traveled(way) {
  const edges = new Map();
  const states = new Map();
  way.visits.forEach((visit, i) => {
    const known = states.get(visit.state);
    states.set(visit.state, { ended: visit.ended, count: (known?.count ?? 0) + 1, last: i });
    if (i > 0) {
      const key = `${way.visits[i - 1].state}\n${visit.state}`;
      edges.set(key, (edges.get(key) ?? 0) + 1);
    }
  });
  return { edges, states };
}

export function graph(machine, way) {
  const { edges, states } = traveled(way);
  const arrow = unique("arrow");
  const arrowTaken = unique("arrow");
  const marker = (id, name) =>
    s("marker", { id, class: name, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, s("path", { d: "M0 0.500L8 4L0 7.500z" }));
  const order = [...machine.edges].sort((a, b) => (edges.get(`${a.from}\n${a.to}`) ?? 0) - (edges.get(`${b.from}\n${b.to}`) ?? 0));
  const drawing = s("svg", { class: "graph", viewBox: `0 0 ${machine.width} ${machine.height}`, width: machine.width, height: machine.height, role: "group", "aria-label": t("graph.label") },
    s("defs", {}, marker(arrow, "arrow"), marker(arrowTaken, "arrow taken")),
    s("g", { class: "edges", "aria-hidden": "true" }, order.map((e) => {
      const count = edges.get(`${e.from}\n${e.to}`) ?? 0;
      const caught = e.kinds.every((kind) => kind === "catch");
      return s("path", { class: `edge${count ? " taken" : ""}${caught ? " catch" : ""}`, d: e.path, "marker-end": `url(#${count ? arrowTaken : arrow})` },
        s("title", {}, `${e.from} → ${e.to}${e.errors?.length ? ` (${[...new Set(e.errors)].join(", ")})` : ""}${count ? ` ×${count}` : ""}`));
    })),
    s("g", { class: "nodes" }, machine.nodes.map((n) => state(n, states.get(n.name)))));
  // Its texts have 13 pixels, and are drawn with no less than 12: rather it scrolls.
  drawing.style.minWidth = `${Math.ceil((machine.width * 12) / 13)}px`;
  const path = way.visits.map((v) => v.state).join(" → ");
  return h("div", { class: "graph-box", role: "region", "aria-label": t("graph.label"), tabindex: "0" }, drawing, h("p", { class: "unseen" }, t("graph.path", { path })));
}

function state(n, visited) {
  const content = [
    s("rect", { x: n.x, y: n.y, width: n.width, height: n.height, rx: n.type === "Choice" ? 20 : 9 }),
    s("path", { class: "type", d: typeIcons[n.type] ?? typeIcons.Task, transform: `translate(${n.x + 9} ${n.y + 10})` }),
    s("text", { x: n.x + 31, y: n.y + n.height / 2, "dominant-baseline": "central" }, n.name),
    s("title", {}, [n.name, visited ? t(`ended.${visited.ended}`) : t("ended.not"), n.comment].filter(Boolean).join("\n")),
  ];
  if (visited?.count > 1) {
    content.push(s("circle", { class: "badge", cx: n.x + n.width, cy: n.y, r: 10 }), s("text", { class: "badge-text", x: n.x + n.width, y: n.y, "text-anchor": "middle", "dominant-baseline": "central" }, visited.count));
  }
  const node = s("g", { class: "node", "data-state": n.name, "data-ended": visited?.ended ?? "not" }, content);
  if (!visited) return node;
  return s("a", { href: `#visit-${visited.last}`, "aria-label": `${n.name}: ${t(`ended.${visited.ended}`)}` }, node);
}

export function legend() {
  return h("ul", { class: "legend" }, ["succeeded", "caught", "failed", "running", "not"].map((name) => h("li", { "data-ended": name }, h("span", { class: "swatch", "aria-hidden": "true" }), t(`ended.${name}`))));
}
