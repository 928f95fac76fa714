// A message as a phone shows it.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./i18n.js";
import { clock, moment, number, phone, won } from "./format.js";
import { channel } from "./parts.js";

// bubble draws a message on a phone: as KakaoTalk shows an AlimTalk, or as phones show a text.
export function bubble(d) {
  return d.channel === "alimtalk" ? alimTalk(d) : sms(d);
}

function alimTalk(d) {
  return h("div", { class: "kakao" },
    h("div", { class: "sender" }, h("span", { class: "avatar", "aria-hidden": "true" }, icon("messages")), h("span", {}, d.from.replace(/^@/, ""))),
    h("div", { class: "card" },
      h("div", { class: "strip" }, t("bubble.alimtalk")),
      d.emphasisTitle ? h("p", { class: "emphasis" }, d.emphasisTitle) : null,
      h("p", { class: "text" }, d.text),
      d.buttons?.length ? h("ul", { class: "buttons" }, d.buttons.map(button)) : null));
}

// button shows what a button leads to. Only web addresses become links.
function button(b) {
  const targets = [b.linkMo, b.linkPc, b.linkIos, b.linkAnd].filter((target, i, all) => target && all.indexOf(target) === i);
  return h("li", {}, h("span", { class: "label" }, b.name), targets.map((target) =>
    /^https?:\/\//.test(target)
      ? h("a", { class: "target", href: target, target: "_blank", rel: "noopener noreferrer" }, target)
      : h("span", { class: "target" }, target)));
}

function sms(d) {
  return h("div", { class: "sms" },
    h("div", { class: "sender" }, h("span", { class: "avatar", "aria-hidden": "true" }, icon("phone")), h("span", {}, phone(d.from))),
    h("div", { class: "card" },
      d.images ? h("p", { class: "images" }, icon("image"), t("bubble.images", { n: d.images })) : null,
      d.title ? h("p", { class: "title" }, d.title) : null,
      h("p", { class: "text" }, d.text)));
}

// delivery is a bubble with what is known about it, and the way to its message.
export function delivery(d, { toPhone = false } = {}) {
  return h("article", { class: "delivery", id: `delivery-${d.number}` },
    bubble(d),
    h("footer", {},
      h("time", { datetime: d.at, title: moment(d.at) }, clock(d.at)),
      channel(d.type),
      h("span", {}, d.channel === "alimtalk" ? t("bubble.characters", { n: number(d.characters) }) : t("bubble.bytes", { n: number(d.bytes) })),
      h("span", {}, won(d.price)),
      d.template ? h("span", {}, d.template) : null,
      d.reference ? h("span", { class: "reference" }, d.reference) : null,
      toPhone
        ? h("a", { href: `/phones/${d.to}#delivery-${d.number}` }, phone(d.to), icon("next"))
        : d.message ? h("a", { class: "way", href: `/messages/${d.message}` }, t("bubble.way"), icon("next")) : null));
}
