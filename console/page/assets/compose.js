// Writing a message, as a call of the API or as an event on the bus.
import { announce, h, put, show, unique } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { local, moment, number, phone, rfc3339, won } from "./format.js";
import { call, get, Problem, query } from "./api.js";
import { copyButton, failure, status, statusOf, testNumbers } from "./parts.js";
import { bubble } from "./bubble.js";
import { awsLine, curlLine } from "./lines.js";

// What fills placeholders until somebody writes something else.
const samples = { 고객명: "홍길동", 주문번호: "A-17", 송장번호: "6890123456", 인증번호: "482913", 예약일시: "12월 1일 오후 3시", 장소: "마실상점 성수점" };
const nameVariable = "고객명";

const placeholders = (text) => [...new Set([...text.matchAll(/#\{([^{}]+)\}/g)].map((m) => m[1]))];
// pause is how long nothing is written until the preview is asked for, in ms.
const pause = 200;

export function compose({ query: q, refresh, signal }) {
  let system = null;
  let templates = [];
  let result = null;
  let tries = 0;
  let asking;
  let turn = 0;
  const recipients = [];

  const field = (label, control, { hint, pointer, wide } = {}) => {
    const id = unique("field");
    control.id = id;
    if (pointer !== undefined) control.dataset.pointer = pointer;
    const note = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
    if (note) control.setAttribute("aria-describedby", note.id);
    return h("div", { class: wide ? "field wide" : "field" }, h("label", { for: id }, label), control, note);
  };
  const text = (properties) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...properties });
  const select = (options, value) => {
    const control = h("select", {}, options.map(([v, label]) => h("option", { value: v }, label)));
    control.value = value;
    return control;
  };
  const choice = (name, options, value) => h("div", { class: "choices", role: "radiogroup", "aria-label": t(`compose.${name}`) }, options.map((v) => {
    const id = unique("choice");
    return h("span", {}, h("input", { type: "radio", id, name, value: v, checked: v === value }), h("label", { for: id }, t(`compose.${name}.${v}`)));
  }));
  const picked = (name) => form.elements[name].value;

  const template = select([], "");
  const smsText = h("textarea", { rows: 4 });
  smsText.value = t("compose.sms.sample");
  const smsTitle = text({ maxlength: 44 });
  const list = h("div", { class: "recipients" });
  const fallbackOn = h("input", { type: "checkbox", checked: true });
  const fallbackText = h("textarea", { rows: 3 });
  const fallbackTitle = text({ maxlength: 44 });
  const fallbackAfter = text({ placeholder: "5m" });
  const onUnknown = select([["", t("compose.unknown.default")], ["none", t("compose.unknown.none")], ["sms", t("compose.unknown.sms")]], "");
  const sendAt = h("input", { type: "datetime-local", step: "1" });
  const expiresAt = h("input", { type: "datetime-local", step: "1" });
  const reference = text({ maxlength: 128, placeholder: "order-17" });
  const key = text({ maxlength: 255 });
  const source = text({ value: "shop" });

  const alimTalkPart = h("div", { class: "part" });
  const smsPart = h("div", { class: "part" });
  const fallbackPart = h("details", { class: "fold" });
  const eventPart = h("div", { class: "part" });
  const preview = h("div", { class: "preview-box", tabindex: "0", role: "group", "aria-labelledby": "preview-title" });
  const line = h("pre", { class: "line", tabindex: "0" });
  const outcome = h("div", { class: "result", tabindex: "-1" });
  const send = h("button", { type: "submit", class: "primary", disabled: true });

  const form = h("form", { class: "compose", novalidate: true, onsubmit: submit, oninput: () => shape() },
    h("div", { class: "part two" },
      h("fieldset", {}, h("legend", {}, t("compose.as")), choice("as", ["api", "event"], "api")),
      h("fieldset", {}, h("legend", {}, t("compose.channel")), choice("channel", ["alimtalk", "sms"], "alimtalk"))),
    eventPart, alimTalkPart, smsPart,
    h("fieldset", { class: "part" }, h("legend", {}, t("compose.recipients")), list,
      h("button", { type: "button", class: "quiet", onclick: () => { addRecipient(""); draw(); } }, icon("plus"), t("compose.recipient.add"))),
    fallbackPart,
    h("details", { class: "fold" }, h("summary", {}, t("compose.more")),
      h("div", { class: "two" },
        h("div", { class: "field" }, field(t("compose.sendAt"), sendAt, { pointer: "/sendAt" }), h("div", { class: "quick" }, [[1, "1m"], [10, "10m"], [60, "1h"]].map(([minutes, name]) =>
          h("button", { type: "button", class: "quiet", onclick: () => later(minutes) }, t(`compose.in.${name}`))))),
        field(t("compose.expiresAt"), expiresAt, { hint: t("compose.expiresAt.hint"), pointer: "/expiresAt" }),
        field(t("compose.reference"), reference, { hint: t("compose.reference.hint"), pointer: "/reference" }),
        h("div", { class: "field" }, field(t("compose.key"), key, { hint: t("compose.key.hint"), pointer: "/idempotencyKey" }),
          h("div", { class: "quick" }, h("button", { type: "button", class: "quiet", onclick: () => { key.value = crypto.randomUUID(); draw(); } }, t("compose.key.make")))))),
    h("div", { class: "send" }, send));

  const node = h("div", { class: "page wide" },
    h("header", { class: "page-head" }, h("h1", {}, t("nav.compose"))),
    h("div", { class: "compose-columns" }, form,
      h("div", { class: "beside" },
        outcome,
        h("section", { class: "box", "aria-labelledby": "preview-title" }, h("h2", { id: "preview-title" }, t("compose.preview")), preview),
        h("section", { class: "box", "aria-labelledby": "line-title" }, h("div", { class: "box-head" }, h("h2", { id: "line-title" }, t("compose.line")), copyButton(() => line.textContent)), line))));

  put(alimTalkPart, field(t("compose.template"), template, { pointer: "/template" }));
  put(smsPart, field(t("compose.text"), smsText, { pointer: "/text", hint: t("compose.text.hint") }), field(t("compose.title"), smsTitle, { pointer: "/title", hint: t("compose.title.hint") }));
  put(eventPart, field(t("compose.source"), source, { hint: t("compose.source.hint") }));
  put(fallbackPart, h("summary", {}, t("compose.fallback")),
    h("p", { class: "check" }, fallbackOn, h("label", { for: fallbackOn.id = unique("field") }, t("compose.fallback.enabled"))),
    h("div", { class: "two" },
      field(t("compose.fallback.text"), fallbackText, { hint: t("compose.fallback.text.hint"), pointer: "/fallback/text", wide: true }),
      field(t("compose.title"), fallbackTitle, { pointer: "/fallback/title" }),
      field(t("compose.fallback.after"), fallbackAfter, { hint: t("compose.fallback.after.hint"), pointer: "/fallback/after" }),
      field(t("compose.unknown"), onUnknown, { pointer: "/fallback/onUnknown" })));
  addRecipient(q.get("to") ?? "01012345678");
  shape();

  // wanted are the placeholders that each recipient has to fill.
  function wanted() {
    if (picked("channel") === "sms") return placeholders(smsText.value);
    const chosen = templates.find((x) => x.code === template.value);
    return [...new Set([...(chosen?.variables ?? []), ...placeholders(fallbackText.value)])];
  }

  function later(minutes) {
    sendAt.value = local(new Date(now() + minutes * 60_000));
    draw();
  }

  // now is the time of the system, which may run faster than the browser's.
  function now() {
    return system ? Date.parse(system.now) + (Date.now() - system.read) * system.speed : Date.now();
  }

  function addRecipient(digits) {
    const r = { to: h("input", { type: "tel", autocomplete: "off", value: phone(digits) }), name: text({ value: samples[nameVariable] }), variables: new Map(), node: null };
    const test = select([["", t("compose.test.none")], ...testNumbers.map((n) => [n, `…${n} ${t(`test.${n}.short`)}`])], testNumbers.includes(digits.slice(-4)) ? digits.slice(-4) : "");
    test.addEventListener("change", () => {
      const plain = r.to.value.replace(/\D/g, "");
      const start = /^01\d{5,}/.test(plain) ? plain.slice(0, -4) : "0101234";
      r.to.value = phone(start + (test.value || "5678"));
      draw();
    });
    r.to.addEventListener("input", () => {
      const ending = r.to.value.replace(/\D/g, "").slice(-4);
      test.value = testNumbers.includes(ending) ? ending : "";
    });
    r.fields = h("div", { class: "two" });
    r.remove = h("button", { type: "button", class: "quiet remove", "aria-label": t("compose.recipient.remove"), onclick: () => { recipients.splice(recipients.indexOf(r), 1); r.node.remove(); shape(); } }, icon("cross"));
    r.top = h("div", { class: "two" }, field(t("compose.to"), r.to), field(t("compose.test"), test));
    r.node = h("div", { class: "recipient" }, r.top, r.fields, r.remove);
    recipients.push(r);
    list.append(r.node);
    shape();
    return r;
  }

  // shape brings the form's fields in line with what has been chosen.
  function shape() {
    const sms = picked("channel") === "sms";
    alimTalkPart.hidden = sms;
    smsPart.hidden = !sms;
    fallbackPart.hidden = sms;
    const names = wanted();
    recipients.forEach((r, i) => {
      // Fields that stay are left alone: somebody may be writing in one.
      const has = `${i} ${names.join("\n")}`;
      if (r.has === has) return;
      r.has = has;
      r.to.dataset.pointer = `/recipients/${i}/to`;
      for (const name of names) {
        if (name !== nameVariable && !r.variables.has(name)) r.variables.set(name, text({ value: samples[name] ?? name }));
      }
      const shown = [];
      if (names.includes(nameVariable)) shown.push(field(`${t("compose.name")} #{${nameVariable}}`, r.name, { pointer: `/recipients/${i}/name` }));
      for (const name of names) if (name !== nameVariable) shown.push(field(`#{${name}}`, r.variables.get(name), { pointer: `/recipients/${i}/variables/${name}` }));
      put(r.fields, shown);
    });
    recipients[0].remove.hidden = recipients.length === 1;
    draw();
  }

  // request is the body that the form stands for.
  function request() {
    const sms = picked("channel") === "sms";
    const names = wanted();
    const body = sms ? { channel: "sms", text: smsText.value } : { template: template.value };
    if (sms && smsTitle.value) body.title = smsTitle.value;
    body.recipients = recipients.map((r) => {
      const recipient = { to: r.to.value.trim() };
      if (names.includes(nameVariable) && r.name.value) recipient.name = r.name.value;
      const variables = names.filter((name) => name !== nameVariable).map((name) => [name, r.variables.get(name).value]);
      if (variables.length) recipient.variables = Object.fromEntries(variables);
      return recipient;
    });
    if (!sms) {
      const fallback = {};
      if (!fallbackOn.checked) fallback.enabled = false;
      if (fallbackText.value) fallback.text = fallbackText.value;
      if (fallbackTitle.value) fallback.title = fallbackTitle.value;
      if (fallbackAfter.value) fallback.after = fallbackAfter.value.trim();
      if (onUnknown.value) fallback.onUnknown = onUnknown.value;
      if (Object.keys(fallback).length) body.fallback = fallback;
    }
    if (sendAt.value) body.sendAt = rfc3339(sendAt.value);
    if (expiresAt.value) body.expiresAt = rfc3339(expiresAt.value);
    if (reference.value) body.reference = reference.value;
    return body;
  }

  function draw() {
    const event = picked("as") === "event";
    const body = request();
    eventPart.hidden = !event;
    put(send, icon("compose"), t(body.sendAt ? "compose.schedule" : event ? "compose.put" : "compose.send"));
    if (event) line.textContent = system ? awsLine(system, source.value, key.value ? { ...body, idempotencyKey: key.value } : body) : "";
    else line.textContent = curlLine(location.origin, body, key.value);
    drawPreview(body);
  }

  // drawPreview asks the API what the first recipient would get, and what all of it costs, when nobody writes any more.
  function drawPreview(body) {
    clearTimeout(asking);
    turn += 1;
    const mine = turn;
    if (body.channel !== "sms" && !body.template) {
      put(preview, h("p", { class: "muted" }, t("compose.preview.none")));
      return;
    }
    asking = setTimeout(async () => {
      let drawn;
      try {
        drawn = previewed((await call("POST", "/v1/previews", { body, signal })).json);
      } catch (error) {
        if (error.name === "AbortError") return;
        const wrong = error instanceof Problem && error.errors.length ? error.errors.map((e) => h("li", {}, h("code", {}, e.pointer || "/"), ` ${e.detail}`)) : [h("li", {}, error.message)];
        drawn = [h("p", { class: "muted" }, t("compose.preview.wrong")), h("ul", { class: "muted" }, wrong)];
      }
      if (mine === turn) put(preview, drawn);
    }, pause);
  }

  function previewed(p) {
    const { alimtalk, sms, code } = p.recipients[0];
    const parts = [];
    if (code) parts.push(h("p", { class: "failure" }, t(`code.${code}`)));
    if (alimtalk) {
      const buttons = (alimtalk.buttons ?? []).map((b) => ({ name: b.name, linkMo: b.urls?.[0], linkPc: b.urls?.[1] }));
      parts.push(bubble({ channel: "alimtalk", from: system?.channelName ?? "", text: alimtalk.text, emphasisTitle: alimtalk.title, buttons }));
    }
    if (alimtalk && sms) parts.push(h("p", { class: "muted" }, t("compose.preview.sms")));
    if (sms) {
      parts.push(bubble({ channel: "sms", from: system?.sender ?? "", text: sms.text, title: sms.title }),
        h("p", { class: "muted" }, t(sms.type === "LMS" ? "compose.bytes.lms" : "compose.bytes.sms", { n: number(sms.bytes) })));
    }
    if (p.sendAt) parts.push(h("p", { class: "muted" }, t("compose.preview.at", { at: moment(p.sendAt) })));
    const prices = { price: won(p.priceKRW), most: won(p.priceAtMostKRW), seen: p.listPrices.seen };
    parts.push(h("p", { class: "muted" }, t(p.priceAtMostKRW > p.priceKRW ? "compose.price.most" : "compose.price", prices)));
    if (p.walletSuffices === false) parts.push(h("p", { class: "failure" }, t("compose.wallet.short")));
    return parts;
  }

  async function submit(event) {
    event.preventDefault();
    send.disabled = true;
    for (const marked of form.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
    try {
      if (picked("as") === "event") await putEvent();
      else await post();
    } catch (error) {
      result = null;
      failed = false;
      tries += 1;
      show(outcome, { failure: error.message, tries }, () => (error instanceof Problem && error.errors.length ? problems(error) : failure(error)));
      outcome.querySelector("[role=alert]")?.focus();
    }
    send.disabled = false;
    // Who has pressed Enter stands at what came of it, and not at the beginning of the page.
    if (result) outcome.focus();
    outcome.scrollIntoView({ block: "nearest" });
  }

  async function post() {
    const answer = await call("POST", "/v1/messages", { body: request(), headers: key.value ? { "Idempotency-Key": key.value } : {} });
    result = { id: answer.json.id, replayed: answer.status === 200 };
    announce(t("compose.accepted"));
    await refresh();
  }

  async function putEvent() {
    const detail = { ...request(), idempotencyKey: key.value || crypto.randomUUID() };
    const answer = await call("POST", "/inbox/events", { body: { source: source.value, detailType: system.detailType, detail } });
    result = { event: answer.json.id, key: masked(detail.idempotencyKey) };
    announce(t("compose.event.put"));
    await refresh();
  }

  function problems(problem) {
    return h("div", { class: "failure", role: "alert", tabindex: "-1" }, icon("cross"),
      h("div", {}, h("strong", {}, problem.title || problem.message), problem.errors.length ? h("ul", {}, problem.errors.map((e) => {
        const control = [...form.querySelectorAll("[data-pointer]")].find((c) => c.dataset.pointer === e.pointer);
        control?.setAttribute("aria-invalid", "true");
        const say = [h("code", {}, e.pointer || "/"), ` ${e.detail}`];
        return h("li", {}, control ? h("button", { type: "button", class: "link", onclick: () => { control.closest("details")?.setAttribute("open", ""); control.focus(); } }, say) : say);
      })) : h("p", {}, problem.message)));
  }

  // follow finds what has become of an event: a message, or a rejection.
  async function follow(sent) {
    const events = await get("/inbox/events?limit=50", signal);
    const told = events.items.find((e) => ["MessageAccepted", "MessageRejected"].includes(e.detailType) && e.detail?.idempotencyKey === sent.key);
    if (told?.detailType === "MessageRejected") {
      sent.rejection = told.detail;
      return;
    }
    if (told) sent.id = told.message;
  }

  // masked is a key as events show it: one that looks like a number is masked.
  function masked(text) {
    return text.replace(/\b(0[0-9]{1,2})-?[0-9]{3,4}-?([0-9]{4})\b/g, "$1****$2");
  }

  async function drawResult() {
    const sent = result;
    if (!sent) return;
    if (sent.event && !sent.id && !sent.rejection) await follow(sent);
    const [m, arrived] = sent.id ? await Promise.all([get(`/inbox/messages/${sent.id}`, signal), get(`/inbox/deliveries${query({ message: sent.id, limit: 20 })}`, signal)]) : [null, null];
    // Meanwhile something else may have been sent.
    if (sent !== result) return;
    if (sent.rejection) {
      show(outcome, sent, () => [problems(new Problem(sent.rejection.status, sent.rejection)), h("p", { class: "muted" }, t("compose.event.rejected"))]);
      return;
    }
    if (!m) {
      show(outcome, sent, () => h("div", { class: "box" }, h("p", {}, h("strong", {}, t("compose.event.put"))), h("p", { class: "muted" }, t("compose.event.waiting"))));
      return;
    }
    const numbers = [...new Set(arrived.items.map((d) => d.to))].slice(0, 3);
    show(outcome, { ...sent, status: statusOf(m), numbers }, () => h("div", { class: "box accepted" },
      h("div", { class: "box-head" }, h("strong", {}, sent.replayed ? t("compose.replayed") : t("compose.accepted")), status(statusOf(m))),
      h("p", {}, h("code", {}, m.id)),
      h("p", { class: "quick" }, h("a", { class: "button", href: `/messages/${m.id}` }, t("compose.open")), numbers.map((to) => h("a", { class: "button", href: `/phones/${to}` }, icon("phone"), phone(to))))));
  }

  // failed says that what stands in the outcome is an error of reading, which the next reading takes away.
  let failed = false;

  async function read() {
    try {
      if (!system) {
        system = { ...(await get("/inbox/system", signal)), read: Date.now() };
        templates = (await get("/v1/templates", signal)).templates;
        put(template, templates.map((x) => h("option", { value: x.code }, `${x.code} · ${x.name}`)));
        shape();
        send.disabled = false;
      }
      if (failed) show(outcome, null);
      failed = false;
      await drawResult();
    } catch (error) {
      if (error.name === "AbortError") return;
      failed = true;
      show(outcome, { failure: error.message }, () => failure(error));
    }
  }

  return { title: () => t("nav.compose"), node, refresh: read };
}
