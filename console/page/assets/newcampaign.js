// A campaign from a file: what is sent, which column is what, and when.
import { announce, h, put, show, unique } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { number, rfc3339 } from "./format.js";
import { call, get, Problem } from "./api.js";
import { failure } from "./parts.js";
import { likely, peek } from "./sheet.js";

const nameVariable = "고객명";
const placeholders = (text) => [...new Set([...text.matchAll(/#\{([^{}]+)\}/g)].map((m) => m[1]))];

// What columns are called in the lists that people have.
const usual = {
  to: ["전화번호", "휴대폰", "휴대전화", "핸드폰", "연락처", "수신번호", "phone", "mobile", "tel", "to", "번호"],
  name: [nameVariable, "이름", "성명", "name"],
  reference: ["회원번호", "고객번호", "참조", "reference", "id"],
};

// mostBytes is what the API takes.
const mostBytes = 200 * 1024 * 1024;

export function newCampaign({ go, signal }) {
  let templates = null;
  let file = null;
  let found = null;
  // A repetition of the same request is the same campaign.
  let asked = { body: "", key: "" };

  const field = (label, control, { hint, pointer, wide } = {}) => {
    const id = (control.id ||= unique("field"));
    if (pointer !== undefined) control.dataset.pointer = pointer;
    const about = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
    if (about) control.setAttribute("aria-describedby", about.id);
    return h("div", { class: wide ? "field wide" : "field" }, h("label", { for: id }, label), control, about);
  };
  const check = (control, label) => h("p", { class: "check" }, control, h("label", { for: (control.id ||= unique("field")) }, label));
  const text = (properties) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...properties });
  const choice = (name, options, value, changed) => h("div", { class: "choices", role: "radiogroup", "aria-label": t(`newcampaign.${name}`) }, options.map((v) => {
    const id = unique("choice");
    return h("span", {}, h("input", { type: "radio", id, name, value: v, checked: v === value, onchange: changed }), h("label", { for: id }, t(`newcampaign.${name}.${v}`)));
  }));
  const picked = (name) => form.elements[name].value;

  const chosen = h("input", { type: "file", accept: ".csv,.tsv,.txt,.jsonl,text/csv,text/plain", onchange: choose });
  const about = h("div", { "aria-live": "polite" });
  const template = h("select", { onchange: () => shape() });
  const smsText = h("textarea", { rows: 4, oninput: () => shape() });
  const smsTitle = text({ maxlength: 44 });
  const ad = h("input", { type: "checkbox", onchange: () => shape() });
  const night = h("input", { type: "checkbox" });
  const fallbackOn = h("input", { type: "checkbox", checked: true, onchange: () => shape() });
  const fallbackText = h("textarea", { rows: 3, oninput: () => shape() });
  const rate = h("input", { type: "number", min: "100", max: "60000", step: "100", value: "5000" });
  const sendAt = h("input", { type: "datetime-local", step: "1" });
  const expiresAt = h("input", { type: "datetime-local", step: "1" });
  const reference = text({ maxlength: 128, placeholder: "notice-2026-12" });
  const send = h("button", { type: "submit", class: "primary", disabled: true }, icon("campaigns"), t("newcampaign.create"));
  const outcome = h("div", { class: "result" });
  const bar = h("div", {});

  const alimTalkPart = h("div", { class: "part" });
  const smsPart = h("div", { class: "part" });
  const columnsPart = h("fieldset", { class: "part", hidden: true });
  const fallbackPart = h("details", { class: "fold" });
  // columns are the controls for columns, by what they are for; those that somebody has set stay.
  const columns = new Map();

  const form = h("form", { class: "compose", novalidate: true, onsubmit: submit },
    h("fieldset", { class: "part" }, h("legend", {}, t("newcampaign.file")), field(t("newcampaign.file.label"), chosen, { hint: t("newcampaign.file.hint"), pointer: "/bytes" }), about),
    h("fieldset", { class: "part" }, h("legend", {}, t("newcampaign.message")), choice("channel", ["alimtalk", "sms"], "alimtalk", () => shape()), alimTalkPart, smsPart),
    columnsPart, fallbackPart,
    h("fieldset", { class: "part" }, h("legend", {}, t("newcampaign.when")),
      h("div", { class: "two" },
        field(t("newcampaign.sendAt"), sendAt, { hint: t("newcampaign.sendAt.hint"), pointer: "/sendAt" }),
        field(t("newcampaign.expiresAt"), expiresAt, { hint: t("newcampaign.expiresAt.hint"), pointer: "/expiresAt" }),
        field(t("newcampaign.rate"), rate, { hint: t("newcampaign.rate.hint"), pointer: "/rate" }),
        field(t("newcampaign.reference"), reference, { hint: t("newcampaign.reference.hint"), pointer: "/reference" })),
      choice("start", ["manual", "auto"], "manual", () => {}),
      h("p", { class: "hint" }, t("newcampaign.start.hint"))),
    outcome, bar,
    h("div", { class: "send" }, send));

  const node = h("div", { class: "page" },
    h("header", { class: "detail" }, h("a", { class: "crumb", href: "/campaigns" }, t("nav.campaigns")), h("h1", {}, t("newcampaign.title")), h("p", { class: "muted" }, t("newcampaign.text"))),
    form);

  put(alimTalkPart, field(t("compose.template"), template, { pointer: "/template" }));
  put(smsPart, field(t("compose.text"), smsText, { pointer: "/text", hint: t("compose.text.hint") }), field(t("compose.title"), smsTitle, { pointer: "/title", hint: t("compose.title.hint") }),
    check(ad, t("newcampaign.ad")), check(night, t("newcampaign.night")));
  put(fallbackPart, h("summary", {}, t("compose.fallback")), check(fallbackOn, t("compose.fallback.enabled")),
    field(t("compose.fallback.text"), fallbackText, { hint: t("compose.fallback.text.hint"), pointer: "/fallback/text" }));

  async function choose() {
    file = chosen.files[0] ?? null;
    found = null;
    columns.clear();
    if (file) {
      found = file.size > mostBytes ? { wrong: "large" } : await peek(file);
      put(about, found.wrong ? h("p", { class: "error" }, t(`newcampaign.wrong.${found.wrong}`))
        : h("p", { class: "muted" }, found.kind === "jsonl" ? t("newcampaign.found.jsonl") : t("newcampaign.found.csv", { n: number(found.columns.length), names: found.columns.join(", ") })));
    } else put(about);
    shape();
  }

  // wanted are the placeholders that each recipient has to fill.
  function wanted() {
    const own = picked("channel") === "sms" ? placeholders(smsText.value) : [...(templates?.find((x) => x.code === template.value)?.variables ?? []), ...(fallbackOn.checked ? placeholders(fallbackText.value) : [])];
    return [...new Set(own)];
  }

  // shape brings the form's fields in line with what has been chosen.
  function shape() {
    const sms = picked("channel") === "sms";
    alimTalkPart.hidden = sms;
    smsPart.hidden = !sms;
    night.closest("p").hidden = !ad.checked;
    fallbackPart.hidden = sms;
    const table = found?.kind === "csv";
    columnsPart.hidden = !table;
    if (table) {
      const variables = wanted();
      const shown = [["to", t("newcampaign.column.to"), usual.to, "/columns/to"]];
      // The name fills its placeholder; without one it says nothing.
      if (variables.includes(nameVariable)) shown.push(["name", `#{${nameVariable}}`, usual.name, "/columns/name"]);
      for (const v of variables) if (v !== nameVariable) shown.push([`#${v}`, `#{${v}}`, [v], `/columns/variables/${v}`]);
      shown.push(["reference", t("newcampaign.column.reference"), usual.reference, "/columns/reference"]);
      put(columnsPart, h("legend", {}, t("newcampaign.columns")), h("p", { class: "hint" }, t("newcampaign.columns.hint")),
        h("div", { class: "two" }, shown.map(([name, label, names, pointer]) => column(name, label, names, pointer))));
    }
    send.disabled = !file || Boolean(found?.wrong) || !templates;
  }

  // column is a control for which column something is in, with what its first row has there.
  function column(name, label, names, pointer) {
    if (!columns.has(name)) {
      const sample = h("span", {});
      const control = h("select", { onchange: () => fill() }, h("option", { value: "" }, t("newcampaign.column.none")), found.columns.filter(Boolean).map((c) => h("option", { value: c }, c)));
      control.value = likely(found.columns, ...names);
      const fill = () => put(sample, control.value ? t("newcampaign.column.sample", { value: found.first[found.columns.indexOf(control.value)] ?? "" }) : "");
      fill();
      columns.set(name, { control, node: field(label, control, { hint: sample, pointer }) });
    }
    return columns.get(name).node;
  }

  // request is the body that the form stands for.
  function request() {
    const sms = picked("channel") === "sms";
    const body = sms ? { channel: "sms", text: smsText.value } : { template: template.value };
    if (sms && smsTitle.value) body.title = smsTitle.value;
    if (sms && ad.checked) body.purpose = "ad";
    if (sms && ad.checked && night.checked) body.nightConsent = true;
    if (!sms) body.fallback = { enabled: fallbackOn.checked };
    if (!sms && fallbackOn.checked && fallbackText.value) body.fallback.text = fallbackText.value;
    if (found.kind === "csv") {
      body.columns = {};
      const variables = {};
      const needed = wanted();
      for (const [name, { control }] of columns) {
        if (!control.value) continue;
        if (!name.startsWith("#")) body.columns[name] = control.value;
        else if (needed.includes(name.slice(1))) variables[name.slice(1)] = control.value;
      }
      if (!needed.includes(nameVariable)) delete body.columns.name;
      if (Object.keys(variables).length) body.columns.variables = variables;
    }
    body.bytes = file.size;
    body.start = picked("start");
    if (rate.value) body.rate = Number(rate.value);
    if (sendAt.value) body.sendAt = rfc3339(sendAt.value);
    if (expiresAt.value) body.expiresAt = rfc3339(expiresAt.value);
    if (reference.value) body.reference = reference.value;
    return body;
  }

  async function submit(event) {
    event.preventDefault();
    if (send.disabled) return;
    send.disabled = true;
    show(outcome, null);
    for (const marked of form.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
    try {
      const body = JSON.stringify(request());
      const same = `${body} ${file.name} ${file.lastModified}`;
      if (asked.body !== same) asked = { body: same, key: crypto.randomUUID() };
      const created = (await call("POST", "/inbox/campaigns", { body, headers: { "Idempotency-Key": asked.key }, signal })).json;
      if (created.upload) await upload(created.id);
      announce(t("newcampaign.created"));
      go(`/campaigns/${created.id}`);
      return;
    } catch (error) {
      if (error.name === "AbortError") return;
      show(outcome, { failure: error.message, at: Date.now() }, () => (error instanceof Problem && error.errors.length ? problems(error) : failure(error)));
      outcome.querySelector("[role=alert]")?.focus();
    }
    put(bar);
    send.disabled = false;
  }

  // upload sends the file, and shows how far it is.
  function upload(id) {
    const filled = h("span", {});
    const track = h("div", { class: "track tall", role: "progressbar", "aria-label": t("newcampaign.uploading"), "aria-valuemin": "0", "aria-valuemax": "100" }, filled);
    put(bar, h("p", { class: "muted" }, t("newcampaign.uploading")), track);
    return new Promise((done, fail) => {
      const r = new XMLHttpRequest();
      r.open("PUT", `/inbox/campaigns/${encodeURIComponent(id)}/file`);
      r.setRequestHeader("Content-Type", "application/octet-stream");
      r.upload.addEventListener("progress", (event) => {
        const part = Math.round((event.loaded / file.size) * 100);
        filled.style.width = `${part}%`;
        track.setAttribute("aria-valuenow", String(part));
      });
      r.addEventListener("load", () => {
        if (r.status < 300) {
          done();
          return;
        }
        let body = {};
        try {
          body = JSON.parse(r.responseText);
        } catch {
          // The status says it then.
        }
        fail(new Problem(r.status, body));
      });
      r.addEventListener("error", () => fail(new Error(t("error.offline"))));
      signal.addEventListener("abort", () => r.abort());
      r.addEventListener("abort", () => fail(new DOMException("", "AbortError")));
      r.send(file);
    });
  }

  function problems(problem) {
    return h("div", { class: "failure", role: "alert", tabindex: "-1" }, icon("cross"), h("div", {}, h("strong", {}, problem.title || problem.message), h("ul", {}, problem.errors.map((e) => {
      const control = [...form.querySelectorAll("[data-pointer]")].find((c) => c.dataset.pointer === e.pointer);
      control?.setAttribute("aria-invalid", "true");
      const label = control ? form.querySelector(`label[for="${control.id}"]`)?.textContent : "";
      const say = [label ? h("strong", {}, label, ": ") : h("code", {}, e.pointer || "/", " "), e.detail];
      return h("li", {}, control ? h("button", { type: "button", class: "link", onclick: () => { control.closest("details")?.setAttribute("open", ""); control.focus(); } }, say) : say);
    }))));
  }

  async function read() {
    if (templates) return;
    try {
      templates = (await get("/inbox/templates", signal)).templates;
      put(template, templates.map((x) => h("option", { value: x.code }, `${x.code} · ${x.name}`)));
      show(outcome, null);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      show(outcome, { failure: error.message }, () => failure(error));
    }
    shape();
  }

  return { title: () => t("newcampaign.title"), node, refresh: read };
}
