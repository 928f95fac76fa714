// The API's contract, as its OpenAPI document says it.
import { h, put } from "./dom.js";
import { t } from "./i18n.js";
import { get } from "./api.js";
import { copyButton, failure } from "./parts.js";

export function docs({ signal }) {
  const body = h("div", { class: "docs" });
  const node = h("div", { class: "page" }, body);
  let drawn = false;

  async function refresh() {
    if (drawn) return;
    try {
      put(body, ...draw(await get("/v1/openapi.json", signal)));
      drawn = true;
      document.getElementById(location.hash.slice(1))?.scrollIntoView();
    } catch (error) {
      if (error.name !== "AbortError") put(body, failure(error));
    }
  }

  return { title: () => t("nav.docs"), node, refresh };
}

function draw(api) {
  // look follows a reference within the document.
  const look = (x) => (x?.$ref ? look(x.$ref.slice(2).split("/").reduce((o, part) => o[part.replaceAll("~1", "/").replaceAll("~0", "~")], api)) : x);
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    ["get", "post", "put", "patch", "delete"].filter((method) => item[method]).map((method) => ({ method, path, ...item[method], parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])] })));
  return [
    h("header", { class: "page-head" }, h("div", { class: "grow" }, h("h1", {}, `${api.info.title} ${api.info.version}`), h("p", { class: "muted" }, api.info.summary ?? "")),
      h("a", { class: "button", href: "/v1/openapi.json", target: "_blank", rel: "noopener" }, "openapi.json")),
    prose(api.info.description),
    h("nav", { class: "contents", "aria-label": t("docs.contents") }, h("ul", { class: "plain" }, operations.map((o) => h("li", {}, h("a", { href: `#${o.operationId}` }, verb(o.method), h("code", {}, o.path)), h("span", { class: "muted" }, o.summary ?? ""))))),
    operations.map((o) => operation(o, look)),
    h("h2", {}, t("docs.schemas")),
    Object.entries(api.components?.schemas ?? {}).map(([name, schema]) => h("section", { class: "box", id: `schema-${name}` }, h("h3", {}, name), members(schema, look))),
  ];
}

const verb = (method) => h("span", { class: "verb", "data-method": method }, method.toUpperCase());

// prose shows the little of CommonMark that the document uses: paragraphs, and code between backquotes.
function prose(text) {
  return (text ?? "").split(/\n{2,}/).filter(Boolean).map((paragraph) => h("p", {}, inline(paragraph)));
}

function inline(text) {
  return (text ?? "").split(/`([^`]+)`/).map((part, i) => (i % 2 ? h("code", {}, part) : part));
}

function operation(o, look) {
  const scopes = (o.security ?? []).flatMap((s) => Object.values(s).flat());
  const request = look(o.requestBody)?.content?.["application/json"];
  return h("section", { class: "box operation", id: o.operationId, "aria-labelledby": `${o.operationId}-title` },
    h("h2", { id: `${o.operationId}-title` }, verb(o.method), h("code", {}, o.path)),
    o.summary ? h("p", {}, h("strong", {}, o.summary)) : null,
    prose(o.description),
    scopes.length ? h("p", { class: "muted" }, t("docs.scopes"), " ", scopes.map((scope) => h("code", {}, scope))) : null,
    o.parameters.length ? [h("h3", {}, t("docs.parameters")), h("dl", { class: "members" }, o.parameters.map(look).map((p) => member(p.name, p.schema, look, { required: p.required, about: p.description, where: p.in })))] : null,
    request ? [h("h3", {}, t("docs.request")), schemaLine(request.schema, look), examples(request)] : null,
    h("h3", {}, t("docs.responses")),
    Object.entries(o.responses).map(([code, r]) => response(code, look(r), look)));
}

function response(code, r, look) {
  return h("details", { class: "fold", open: code.startsWith("2") },
    h("summary", {}, h("span", { class: "code", "data-class": code[0] }, code), " ", inline(r.description)),
    r.headers ? h("dl", { class: "members" }, Object.entries(r.headers).map(([name, header]) => member(name, look(header).schema, look, { about: look(header).description, where: "header" }))) : null,
    Object.entries(r.content ?? {}).map(([type, content]) => [h("p", { class: "muted" }, type), schemaLine(content.schema, look), examples(content)]));
}

function schemaLine(schema, look) {
  if (!schema) return null;
  const name = nameOf(schema);
  return name ? h("p", {}, h("a", { href: `#schema-${name}` }, name)) : members(schema, look);
}

const nameOf = (schema) => schema?.$ref?.split("/").at(-1);

function examples(content) {
  return Object.entries(content.examples ?? {}).map(([name, example]) => {
    const text = JSON.stringify(example.value, null, 2);
    return h("details", { class: "data" }, h("summary", {}, `${t("docs.example")}: ${example.summary ?? name}`), copyButton(() => text), h("pre", { tabindex: "0" }, text));
  });
}

function members(schema, look) {
  const s = look(schema);
  const required = s.required ?? [];
  return [
    s.description ? h("p", {}, inline(s.description)) : null,
    words(s),
    s.properties ? h("dl", { class: "members" }, Object.entries(s.properties).map(([name, p]) => member(name, p, look, { required: required.includes(name) }))) : h("p", {}, typeOf(s, look)),
  ];
}

// words are the values of a string that are described each by itself.
function words(s) {
  const described = (s.anyOf ?? []).filter((x) => x.const !== undefined);
  return described.length ? h("dl", { class: "members" }, described.map((x) => [h("dt", {}, h("code", {}, x.const)), h("dd", {}, inline(x.description))])) : null;
}

function member(name, optional, look, { required, about, where } = {}) {
  // Null means absent, of which nothing is to be said for each member.
  const schema = optional?.anyOf?.some((x) => x.type === "null") ? optional.anyOf.find((x) => x.type !== "null") : optional;
  const named = nameOf(schema) ?? nameOf(schema?.items);
  const s = look(schema) ?? {};
  const inner = !named && (s.properties ? s : look(s.items)?.properties ? look(s.items) : null);
  return [
    h("dt", {}, h("code", {}, name), " ", h("span", { class: "type" }, named ? [s.items ? t("docs.list") : "", h("a", { href: `#schema-${named}` }, named)] : typeOf(s, look)), where ? h("span", { class: "muted" }, ` ${where}`) : null,
      required ? h("span", { class: "required" }, t("docs.required")) : null),
    h("dd", {}, inline(about ?? (named && !s.items ? "" : s.description)), limits(s), inner ? members(inner, look) : null),
  ];
}

function typeOf(s, look) {
  if (s.const !== undefined) return JSON.stringify(s.const);
  if (s.items) return `${t("docs.list")}${typeOf(look(s.items), look)}`;
  return [...[s.type].flat().filter((x) => x !== "null"), s.format].filter(Boolean).join(", ");
}

function limits(s) {
  const say = [];
  if (s.enum) say.push(s.enum.filter((v) => v !== null).map((v) => h("code", {}, String(v))));
  const range = (name, least, most) => { if (least !== undefined || most !== undefined) say.push(`${t(name)} ${least ?? 0}–${most ?? "∞"}`); };
  range("docs.length", s.minLength, s.maxLength);
  range("docs.items", s.minItems, s.maxItems);
  range("docs.members", s.minProperties, s.maxProperties);
  range("docs.value", s.minimum, s.maximum);
  if (s.pattern) say.push(h("code", {}, s.pattern));
  return say.length ? h("p", { class: "limits" }, say.map((x, i) => [i ? " · " : "", x])) : null;
}
