// What the API says in English about what is wrong, in the page's language. A sentence that is not known is told as it came.
import { details } from "./strings/details.js";
import { has, language, t } from "./i18n.js";

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// What may stand for a value: anything, a number, or a word, with what is told of the one that is lost.
const values = { "": "(.*?)", "#": "(\\d+)", "*": "(U\\+FFFD[^:;]*|[^:;,]*)" };

// Where something comes from is behind all of what is said of it.
const framed = (english) => english.startsWith("{} (route ");

// The patterns with the longest words come first: they say the most.
const patterns = Object.entries(details)
  .map(([english, korean]) => {
    const words = english.split("{}");
    const value = (n) => values[new RegExp(`\\{${n}([#*])\\}`).exec(korean)?.[1] ?? ""];
    const pattern = words.slice(1).reduce((all, text, n) => all + value(n) + literal(text), literal(words[0]));
    return { pattern: new RegExp(`^${pattern}$`, "s"), korean, frame: framed(english), weight: words.join("").length };
  })
  .sort((a, b) => b.frame - a.frame || b.weight - a.weight);

// said is a detail or a reason in the page's language.
export function said(text) {
  return language === "ko" && text ? korean(text) : text;
}

function korean(text) {
  for (const { pattern, korean: words } of patterns) {
    const match = pattern.exec(text);
    if (match) return words.replace(/\{(\d)[#*]?\}/g, (_, n) => korean(match[Number(n) + 1]));
  }
  const status = [`campaign.status.${text}`, `status.${text}`].find(has);
  if (status) return t(status);
  const parts = text.split(", ");
  return parts.length > 1 ? parts.map(korean).join(", ") : text;
}
