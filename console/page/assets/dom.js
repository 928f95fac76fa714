// Making elements. Texts become text nodes, never markup.

const svgNamespace = "http://www.w3.org/2000/svg";

// h makes an HTML element. Properties beginning with "on" are listeners, "class" and attributes with a dash or a lower
// case name are attributes; null, undefined and false are left out, true is an attribute without a value.
export function h(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

// s makes an SVG element.
export function s(tag, properties, ...children) {
  return fill(document.createElementNS(svgNamespace, tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

// put replaces what is in an element.
export function put(element, ...children) {
  const all = document.createDocumentFragment();
  append(all, children);
  element.replaceChildren(all);
}

// show draws data in an element, unless it shows the same already: what is drawn anew between a press and a release of the
// mouse is not clicked. Without data it shows nothing.
export function show(element, data, make) {
  const text = JSON.stringify(data ?? null);
  if (element.shown === text) return;
  element.shown = text;
  put(element, data ? make(data) : null);
}

// keyed shows a list of data in a parent. An entry whose data have not changed keeps its element, and with it focus and
// selection.
export function keyed(parent, entries, keyOf, make) {
  const known = new Map();
  for (const child of parent.children) known.set(child.dataset.key, child);
  let at = parent.firstChild;
  for (const entry of entries) {
    const key = String(keyOf(entry));
    const data = JSON.stringify(entry);
    let element = known.get(key);
    known.delete(key);
    if (!element || element.keyedData !== data) {
      const fresh = make(entry);
      fresh.dataset.key = key;
      fresh.keyedData = data;
      if (element) {
        keepState(element, fresh);
        if (at === element) at = fresh;
        element.replaceWith(fresh);
      }
      element = fresh;
    }
    if (at === element) at = element.nextSibling;
    else parent.insertBefore(element, at);
  }
  for (const left of known.values()) left.remove();
}

// keepState carries over what somebody has opened or focused in an element that is drawn again.
function keepState(before, after) {
  const name = (details, i) => details.dataset.name ?? String(i);
  const opened = new Set([...before.querySelectorAll("details")].flatMap((details, i) => (details.open ? name(details, i) : [])));
  after.querySelectorAll("details").forEach((details, i) => {
    if (opened.has(name(details, i))) details.open = true;
  });
  const scrolled = [...before.querySelectorAll(".scroll, .received, .graph-box")].map((x) => [x.scrollLeft, x.scrollTop]);
  queueMicrotask(() => after.querySelectorAll(".scroll, .received, .graph-box").forEach((x, i) => x.scrollTo(...(scrolled[i] ?? [0, 0]))));
  if (!before.contains(document.activeElement)) return;
  const focusable = "a[href], button, input, select, textarea, summary, [tabindex]";
  const all = [before, ...before.querySelectorAll(focusable)];
  const index = all.indexOf(document.activeElement);
  queueMicrotask(() => [after, ...after.querySelectorAll(focusable)][index]?.focus({ preventScroll: true }));
}

let names = 0;

// unique is an id for an element that another one refers to.
export function unique(prefix) {
  names += 1;
  return `${prefix}-${names}`;
}

// announce tells screen readers.
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
